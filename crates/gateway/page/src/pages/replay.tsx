// What can be done with dead jobs: back into the queue, one or all of a function, or away.

import type { DeadJob } from "../api/model.ts";
import { request } from "../api/request.ts";
import { ActionButton } from "../parts/button.tsx";
import { ask } from "../parts/dialog.tsx";
import { count } from "../parts/format.ts";
import type { Topic } from "../state/live.ts";
import { act } from "../state/notices.ts";

const CHANGED: Topic[] = ["jobs", "invocations"];

function told(replayed: number): string {
  return replayed === 1 ? "1 job is back in the queue" : `${count(replayed)} jobs are back in the queue`;
}

export function ReplayButton({ job }: { job: DeadJob }) {
  const replay = () => act("could not replay the job", CHANGED, async () =>
    told((await request<{ replayed: number }>("POST", `dead-jobs/${encodeURIComponent(job.id)}/replay`)).replayed));
  return <ActionButton small testid="replay" label={`replay job ${job.id}`} action={replay}>Replay</ActionButton>;
}

export function DiscardButton({ job }: { job: DeadJob }) {
  async function discard() {
    if (!(await ask("Discard this job?", `The dead job of ${job.function} and its errors are deleted. It cannot be replayed afterwards.`, "Discard the job", true))) return;
    await act("could not discard the job", CHANGED, async () => {
      const { discarded } = await request<{ discarded: boolean }>("DELETE", `dead-jobs/${encodeURIComponent(job.id)}`);
      return discarded ? `a dead job of ${job.function} is discarded` : "there is no such dead job any more";
    });
  }
  return <ActionButton small kind="danger" testid="discard" label={`discard job ${job.id}`} action={discard}>Discard</ActionButton>;
}

export function ReplayAllButton({ name }: { name: string }) {
  async function replay() {
    if (!(await ask(`Replay all dead jobs of ${name}?`, "Each goes back into the queue and is tried from the beginning.", "Replay all"))) return;
    await act("could not replay the jobs", CHANGED, async () =>
      told((await request<{ replayed: number }>("POST", `functions/${encodeURIComponent(name)}/replay`, { body: {} })).replayed));
  }
  return <ActionButton small testid="replay-all" label={`replay all dead jobs of ${name}`} action={replay}>Replay all</ActionButton>;
}
