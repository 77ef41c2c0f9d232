// What functions logged, newest first, filtered by the address.

import type { FunctionLogLine } from "../api/model.ts";
import { Status } from "../parts/badge.tsx";
import { filterOf, SelectFilter, TextFilter } from "../parts/filters.tsx";
import { FunctionLink } from "../parts/function_link.tsx";
import { OlderButton } from "../parts/older_button.tsx";
import { Empty, ResourceView } from "../parts/resource_view.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { useFunctions } from "../state/functions.ts";
import { clearFilters, href } from "../state/route.ts";
import { RECORDED, useTimeline } from "../state/timeline.ts";

const LEVELS = ["error", "warn", "info", "debug", "trace"];

const COLUMNS: Column<FunctionLogLine>[] = [
  { name: "time", title: "Time", kind: "main", cell: (row) => <a href={href(["invocations", row.invocation])} title="the invocation"><Time at={row.logged_at} /></a> },
  { name: "level", title: "Level", cell: (row) => <Status of={row.level} /> },
  { name: "function", title: "Function", cell: (row) => <FunctionLink name={row.function} /> },
  { name: "message", title: "Message", kind: "text", cell: (row) => <span class="log-message">{row.message}</span> },
];

export function LogsPage() {
  const names = useFunctions().data.value?.map((item) => item.name);
  const query = { function: filterOf("function"), level: filterOf("level") };
  const timeline = useTimeline<FunctionLogLine>({
    path: "logs", query, page: 100, topics: RECORDED, timeOf: (row) => row.logged_at, keyOf: (row) => `${row.invocation}/${row.logged_at}/${row.line}`,
  });
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Logs</h1>
        <div class="filters">
          <TextFilter name="function" label="Function" suggestions={names} />
          <SelectFilter name="level" label="Level" options={LEVELS} />
        </div>
      </div>
      <ResourceView of={timeline.resource} what="logs">
        {({ items }) => items.length === 0
          ? (
            <Empty testid="no-logs">
              {query.function || query.level
                ? <><p>No recorded line is like this.</p><button type="button" onClick={clearFilters} data-testid="clear-filters">Clear the filters</button></>
                : <p>Nothing has been logged. Guests log with <code>log.info(…)</code>.</p>}
            </Empty>
          )
          : (
            <>
              <Table label="Logs" testid="logs" rowTestid="log-row" columns={COLUMNS} rows={items} keyOf={(row) => `${row.invocation}/${row.logged_at}/${row.line}`} />
              <OlderButton of={timeline} />
            </>
          )}
      </ResourceView>
    </>
  );
}
