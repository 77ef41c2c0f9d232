// Invocations, newest first, on their own page and on a function's.

import type { Invocation } from "../api/model.ts";
import type { Query } from "../api/request.ts";
import { Status } from "../parts/badge.tsx";
import { bytes, duration } from "../parts/format.ts";
import { FunctionLink } from "../parts/function_link.tsx";
import { Empty, ResourceView } from "../parts/resource_view.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { clearFilters, href } from "../state/route.ts";
import { RECORDED, useTimeline } from "../state/timeline.ts";
import { OlderButton } from "../parts/older_button.tsx";

const COLUMNS: Column<Invocation>[] = [
  { name: "started", title: "Started", kind: "main", cell: (row) => <a href={href(["invocations", row.id])} data-testid="invocation-link"><Time at={row.started_at} /></a> },
  { name: "function", title: "Function", cell: (row) => <FunctionLink name={row.function} /> },
  { name: "status", title: "Status", cell: (row) => <Status of={row.status} title={row.sqlstate ? `SQLSTATE ${row.sqlstate}` : undefined} /> },
  { name: "error", title: "Error", kind: "text", cell: (row) => row.error && <span class="clip" title={row.error}>{row.error}</span> },
  { name: "version", title: "Version", kind: "number", isMinor: true, cell: (row) => row.version },
  { name: "trigger", title: "Trigger", cell: (row) => row.trigger },
  { name: "role", title: "Role", kind: "plain", isMinor: true, cell: (row) => row.role },
  { name: "attempt", title: "Attempt", kind: "number", isMinor: true, cell: (row) => row.attempt },
  { name: "duration", title: "Duration", kind: "number", cell: (row) => duration(row.duration_ms) },
  { name: "memory", title: "Memory", kind: "number", cell: (row) => bytes(row.peak_memory_bytes) },
];

export function keyOfInvocation(row: Invocation): string {
  return `${row.id}/${row.attempt}/${row.started_at}`;
}

export function InvocationList({ query, page, showsFunction = true }: { query: Query; page?: number; showsFunction?: boolean }) {
  const timeline = useTimeline<Invocation>({ path: "invocations", query, page, topics: RECORDED, timeOf: (row) => row.started_at, keyOf: keyOfInvocation });
  const isFiltered = showsFunction && Object.values(query).some(Boolean);
  return (
    <ResourceView of={timeline.resource} what="invocations">
      {({ items }) => items.length === 0
        ? (
          <Empty testid="no-invocations">
            {isFiltered
              ? <><p>No recorded invocation is like this.</p><button type="button" onClick={clearFilters} data-testid="clear-filters">Clear the filters</button></>
              : (
                <>
                  <p>No invocations are recorded.</p>
                  <p>Call a function with <code>alyx invoke</code>, from SQL or by POST. What a manifest's <code>log</code> leaves out is counted, but not recorded.</p>
                </>
              )}
          </Empty>
        )
        : (
          <>
            <Table label="Invocations" testid="invocations" rowTestid="invocation-row" rows={items} keyOf={keyOfInvocation}
              columns={showsFunction ? COLUMNS : COLUMNS.filter((column) => column.name !== "function")} />
            <OlderButton of={timeline} />
          </>
        )}
    </ResourceView>
  );
}
