// Dead jobs with their errors, on their own page and on a function's.

import type { DeadJob, JobError } from "../api/model.ts";
import { Badge } from "../parts/badge.tsx";
import { FunctionLink } from "../parts/function_link.tsx";
import { JsonBlock } from "../parts/json_block.tsx";
import { OlderButton } from "../parts/older_button.tsx";
import { Empty, ResourceView } from "../parts/resource_view.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { href } from "../state/route.ts";
import { useTimeline, type Timeline } from "../state/timeline.ts";
import { DiscardButton, ReplayAllButton, ReplayButton } from "./replay.tsx";

export function useDeadJobs(name: string): Timeline<DeadJob> {
  return useTimeline<DeadJob>({ path: "dead-jobs", query: { function: name }, topics: ["jobs"], timeOf: (row) => row.died_at, keyOf: (row) => row.id });
}

const COLUMNS: Column<DeadJob>[] = [
  { name: "function", title: "Function", kind: "main", cell: (row) => <FunctionLink name={row.function} /> },
  { name: "died", title: "Died", cell: (row) => <Time at={row.died_at} /> },
  { name: "reason", title: "Reason", cell: (row) => <Badge tone="bad">{row.reason.replaceAll("_", " ")}</Badge> },
  { name: "error", title: "Last error", kind: "text", cell: (row) => row.last_error && <span class="clip" title={row.last_error}>{row.last_error}</span> },
  { name: "attempt", title: "Attempts", kind: "number", cell: (row) => row.attempt },
  { name: "source", title: "Source", cell: (row) => row.source },
  { name: "actions", title: "Actions", kind: "actions", cell: (row) => <><ReplayButton job={row} /> <DiscardButton job={row} /></> },
];

export function DeadJobTable({ jobs, showsFunction }: { jobs: Timeline<DeadJob>; showsFunction: boolean }) {
  return (
    <ResourceView of={jobs.resource} what="dead jobs">
      {({ items }) => items.length === 0
        ? <Empty testid="no-dead-jobs"><p>No dead jobs.</p><p>A job that fails for good is kept here, with its errors, until it is replayed or discarded.</p></Empty>
        : (
          <>
            <Table label="Dead jobs" testid="dead-jobs" rowTestid="dead-job-row" rows={items} keyOf={(row) => row.id} detail={(row) => <Detail of={row} />}
              columns={showsFunction ? COLUMNS : COLUMNS.filter((column) => column.name !== "function")} />
            {!jobs.isWhole && <OlderButton of={jobs} />}
          </>
        )}
    </ResourceView>
  );
}

/** The dead jobs of a function, as a section of its page. */
export function DeadJobList({ functionName }: { functionName: string }) {
  const jobs = useDeadJobs(functionName);
  return (
    <section aria-labelledby="dead">
      <div class="head">
        <h2 id="dead">Dead jobs</h2>
        {!!jobs.items?.length && <ReplayAllButton name={functionName} />}
      </div>
      <DeadJobTable jobs={jobs} showsFunction={false} />
    </section>
  );
}

function Detail({ of }: { of: DeadJob }) {
  return (
    <>
      <dl class="facts">
        <div><dt>Id</dt><dd><a href={href(["invocations", of.id])}><code>{of.id}</code></a></dd></div>
        <div><dt>Role</dt><dd>{of.role}</dd></div>
        <div><dt>Enqueued</dt><dd><Time at={of.enqueued_at} /></dd></div>
        <div><dt>Crashes</dt><dd>{of.crashes}</dd></div>
      </dl>
      <p class="title">Errors, latest first</p>
      <ol class="log" data-testid="error-history">
        {[...(of.errors ?? [])].reverse().map((error, index) => <ErrorLine key={index} of={error} />)}
      </ol>
      <JsonBlock value={of.input} label="input" testid="input" />
    </>
  );
}

function ErrorLine({ of }: { of: JobError }) {
  return (
    <li class="error">
      <Time at={of.at} /> <span class="dim">attempt {of.attempt ?? "–"}</span> <code>{of.sqlstate}</code>
      <span class="log-message">{of.message}{of.detail && `\n${of.detail}`}</span>
    </li>
  );
}
