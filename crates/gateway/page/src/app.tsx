// Which page is shown: the form to sign in, or what the address names.

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { token } from "./api/token.ts";
import { DeadJobsPage } from "./pages/dead_jobs_page.tsx";
import { FunctionPage } from "./pages/function_page.tsx";
import { FunctionsPage } from "./pages/functions_page.tsx";
import { InvocationPage } from "./pages/invocation_page.tsx";
import { InvocationsPage } from "./pages/invocations_page.tsx";
import { JobsPage } from "./pages/jobs_page.tsx";
import { LogsPage } from "./pages/logs_page.tsx";
import { SchedulesPage } from "./pages/schedules_page.tsx";
import { SignIn } from "./pages/sign_in.tsx";
import { QuestionDialog } from "./parts/dialog.tsx";
import { KeysDialog } from "./parts/keys_dialog.tsx";
import { NoticesView } from "./parts/notices_view.tsx";
import { Failure } from "./parts/failure.tsx";
import { Loading } from "./parts/resource_view.tsx";
import { href, route, wantedScroll } from "./state/route.ts";
import { check, isResumed, me, sessionError, signOut } from "./state/session.ts";
import { Shell } from "./shell.tsx";

function pageOf([place = "functions", name]: string[]): { title: string; page: JSX.Element } {
  if (place === "functions" && name !== undefined) return { title: name, page: <FunctionPage key={name} name={name} /> };
  if (place === "functions") return { title: "Functions", page: <FunctionsPage /> };
  if (place === "invocations" && name !== undefined) return { title: `Invocation ${name}`, page: <InvocationPage key={name} id={name} /> };
  if (place === "invocations") return { title: "Invocations", page: <InvocationsPage /> };
  if (place === "jobs" && name === "dead") return { title: "Dead jobs", page: <DeadJobsPage /> };
  if (place === "jobs") return { title: "Jobs", page: <JobsPage /> };
  if (place === "schedules") return { title: "Schedules", page: <SchedulesPage /> };
  if (place === "logs") return { title: "Logs", page: <LogsPage /> };
  return { title: "Not found", page: <NotFound /> };
}

function NotFound() {
  return <><h1>Not found</h1><p>There is no such page. <a href={href(["functions"])}>To the functions</a></p></>;
}

/** After a change of the place: the scroll position, and the focus on the heading, so that it is read out. */
function usePlace(path: string, title: string, isSignedIn: boolean) {
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    if (!isFirst.current) scrollTo(0, wantedScroll());
  }, [path]);
  useEffect(() => {
    document.title = `${title} · alyx`;
    if (!isFirst.current) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [path, title, isSignedIn]);
}

export function App() {
  const { path } = route.value;
  const { title, page } = pageOf(path);
  const isSignedIn = me.value !== null;
  usePlace(path.join("/"), isSignedIn ? title : "Sign in", isSignedIn);
  return (
    <>
      {isSignedIn ? <Shell place={path[0] ?? "functions"}>{page}</Shell> : <Outside />}
      <NoticesView />
      <QuestionDialog />
      <KeysDialog />
    </>
  );
}

/** Not signed in: the form, unless a kept token is being asked about, or could not be. */
function Outside() {
  const isKept = isResumed.value && token.value !== null;
  if (isKept && sessionError.value) {
    return (
      <main class="outside">
        <h1>alyx functions</h1>
        <Failure error={sessionError.value} retry={() => void check()} />
        <button type="button" onClick={signOut} data-testid="sign-out">Sign out</button>
      </main>
    );
  }
  if (isKept) return <main class="outside"><Loading what="the session" /></main>;
  return <SignIn />;
}
