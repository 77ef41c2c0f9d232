// Jobs that wait or run.

import { list, LIMIT } from "../api/lists.ts";
import type { Job } from "../api/model.ts";
import { request } from "../api/request.ts";
import { Status } from "../parts/badge.tsx";
import { ActionButton } from "../parts/button.tsx";
import { ask } from "../parts/dialog.tsx";
import { filterOf, SelectFilter, TextFilter } from "../parts/filters.tsx";
import { FunctionLink } from "../parts/function_link.tsx";
import { JsonBlock, TextBlock } from "../parts/json_block.tsx";
import { Empty, ResourceView } from "../parts/resource_view.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { useFunctions } from "../state/functions.ts";
import { act } from "../state/notices.ts";
import { useResource } from "../state/resource.ts";
import { clearFilters, href } from "../state/route.ts";
import { JobTabs } from "./job_tabs.tsx";

const STATUSES = ["running", "ready", "retrying", "scheduled"];

async function cancel(job: Job) {
  const what = job.status === "running" ? "Its attempt is stopped, and what it did in the database is undone." : "It will not run.";
  if (!(await ask("Cancel this job?", `${what} It is kept among the dead jobs, from where it can be replayed.`, "Cancel the job", true))) return;
  await act("could not cancel the job", ["jobs", "invocations"], async () => {
    const { canceled } = await request<{ canceled: boolean }>("POST", `jobs/${encodeURIComponent(job.id)}/cancel`);
    return canceled ? `a job of ${job.function} is cancelled` : "there is no such job any more";
  });
}

const COLUMNS: Column<Job>[] = [
  { name: "function", title: "Function", kind: "main", cell: (row) => <FunctionLink name={row.function} /> },
  { name: "status", title: "Status", cell: (row) => <Status of={row.status} /> },
  { name: "run", title: "Runs", cell: (row) => (row.status === "running" ? <>since <Time at={row.started_at} /></> : <Time at={row.run_at} />) },
  { name: "source", title: "Source", cell: (row) => row.source },
  { name: "attempt", title: "Attempt", kind: "number", cell: (row) => row.attempt },
  { name: "priority", title: "Priority", kind: "number", cell: (row) => row.priority },
  { name: "role", title: "Role", cell: (row) => row.role },
  { name: "error", title: "Last error", kind: "text", cell: (row) => row.last_error && <span class="clip bad-text" title={row.last_error}>{row.last_error}</span> },
  { name: "actions", title: "Actions", kind: "actions", cell: (row) => <ActionButton small testid="cancel" label={`cancel job ${row.id}`} action={() => cancel(row)}>Cancel</ActionButton> },
];

export function JobsPage() {
  const names = useFunctions().data.value?.map((item) => item.name);
  const query = { function: filterOf("function"), status: filterOf("status") };
  const jobs = useResource(`jobs ${JSON.stringify(query)}`, ["jobs"], (signal) => list<Job>("jobs", { ...query, limit: LIMIT }, signal));
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Jobs</h1>
        <JobTabs isDead={false} />
        <div class="filters">
          <TextFilter name="function" label="Function" suggestions={names} />
          <SelectFilter name="status" label="Status" options={STATUSES} />
        </div>
      </div>
      <ResourceView of={jobs} what="jobs">
        {(items) => items.length === 0
          ? (
            <Empty testid="no-jobs">
              {query.function || query.status
                ? <><p>No job is like this.</p><button type="button" onClick={clearFilters} data-testid="clear-filters">Clear the filters</button></>
                : (
                  <>
                    <p>No job waits or runs.</p>
                    <p>
                      Jobs come from <code>fn_enqueue</code>, asynchronous hooks, webhooks and schedules; a job that is done is among
                      the <a href={href(["invocations"])}>invocations</a>.
                    </p>
                  </>
                )}
            </Empty>
          )
          : (
            <>
              <Table label="Jobs" testid="jobs" rowTestid="job-row" columns={COLUMNS} rows={items} keyOf={(row) => row.id} detail={(row) => <Detail of={row} />} />
              {items.length >= LIMIT && <p class="more dim">Only {LIMIT} jobs are shown. Filter by function or status to see others.</p>}
            </>
          )}
      </ResourceView>
    </>
  );
}

function Detail({ of }: { of: Job }) {
  return (
    <>
      <dl class="facts">
        <div><dt>Id</dt><dd><a href={href(["invocations", of.id])}><code>{of.id}</code></a></dd></div>
        <div><dt>Enqueued</dt><dd><Time at={of.enqueued_at} /></dd></div>
        <div><dt>Crashes</dt><dd>{of.crashes}</dd></div>
        {of.ordering_key !== null && <div><dt>Ordering key</dt><dd><code>{of.ordering_key}</code></dd></div>}
        {of.dedupe_key !== null && <div><dt>Dedupe key</dt><dd><code>{of.dedupe_key}</code></dd></div>}
        {of.schedule !== null && <div><dt>Schedule</dt><dd><a href={href(["schedules"])}>{of.schedule}</a></dd></div>}
      </dl>
      {of.last_error && <TextBlock text={of.last_error} label="last error" />}
      <JsonBlock value={of.input} label="input" testid="input" />
    </>
  );
}
