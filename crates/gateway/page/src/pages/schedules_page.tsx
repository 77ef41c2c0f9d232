// Schedules: when they ran and when they will.

import { list, LIMIT } from "../api/lists.ts";
import type { Schedule } from "../api/model.ts";
import { Badge } from "../parts/badge.tsx";
import { FunctionLink } from "../parts/function_link.tsx";
import { JsonBlock, TextBlock } from "../parts/json_block.tsx";
import { Empty, ResourceView } from "../parts/resource_view.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { useResource } from "../state/resource.ts";

const COLUMNS: Column<Schedule>[] = [
  { name: "function", title: "Function", kind: "main", order: (row) => row.function, cell: (row) => <FunctionLink name={row.function} /> },
  { name: "cron", title: "Cron", cell: (row) => <code>{row.cron}</code> },
  { name: "timezone", title: "Time zone", cell: (row) => row.timezone },
  { name: "previous", title: "Previous run", order: (row) => row.previous_run_at, cell: (row) => <Run at={row.previous_run_at} none="never" /> },
  { name: "next", title: "Next run", order: (row) => row.next_run_at, cell: (row) => <Run at={row.next_run_at} none="none" /> },
  { name: "skipped", title: "Skipped", kind: "number", order: (row) => row.skipped, cell: (row) => row.skipped },
  { name: "error", title: "Last error", kind: "text", cell: (row) => row.last_error && <Badge tone="bad" title={row.last_error}>stopped: {row.last_error}</Badge> },
];

/** The local time, with how far away it is; UTC is in the title. */
function Run({ at, none }: { at: string | null; none: string }) {
  if (!at) return <span class="dim">{none}</span>;
  return <><Time at={at} absolute /> <small class="dim"><Time at={at} /></small></>;
}

export function SchedulesPage() {
  const schedules = useResource("schedules", ["schedules", "functions"], (signal) => list<Schedule>("schedules", { limit: LIMIT }, signal));
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Schedules</h1>
        <span class="dim">times are local ({Intl.DateTimeFormat().resolvedOptions().timeZone}); UTC is in their titles</span>
      </div>
      <ResourceView of={schedules} what="schedules">
        {(items) => items.length === 0
          ? (
            <Empty testid="no-schedules">
              <p>No schedules yet.</p>
              <p>Write a hook <code>{'{ type: schedule, cron: "0 2 * * *" }'}</code> into a manifest and deploy it, or call <code>fn_schedule</code>.</p>
            </Empty>
          )
          : (
            <>
              <Table label="Schedules" testid="schedules" rowTestid="schedule-row" columns={COLUMNS} rows={items} keyOf={(row) => String(row.id)} detail={(row) => <Detail of={row} />} />
              {items.length >= LIMIT && <p class="more dim">Only the {LIMIT} that run next are shown.</p>}
            </>
          )}
      </ResourceView>
    </>
  );
}

function Detail({ of }: { of: Schedule }) {
  return (
    <>
      <dl class="facts">
        <div><dt>Id</dt><dd>{of.id}</dd></div>
        <div><dt>Role</dt><dd>{of.role}</dd></div>
        <div><dt>Overlap</dt><dd>{of.overlap}</dd></div>
        <div><dt>Missed</dt><dd>{of.missed}</dd></div>
      </dl>
      {of.last_error && <TextBlock text={of.last_error} label="last error" testid="error" />}
      <p class="title">Next runs</p>
      {of.next_runs?.length ? <ol class="runs" data-testid="next-runs">{of.next_runs.map((at) => <li key={at}><Run at={at} none="none" /></li>)}</ol> : <p class="dim">none</p>}
      <JsonBlock value={of.input} label="input" testid="input" />
    </>
  );
}
