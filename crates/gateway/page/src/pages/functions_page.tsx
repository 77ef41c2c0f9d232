// All functions, with what they have done.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { DeployedFunction, Stats } from "../api/model.ts";
import { Badge } from "../parts/badge.tsx";
import { count, duration, share } from "../parts/format.ts";
import { FunctionLink } from "../parts/function_link.tsx";
import { Empty, ResourceView } from "../parts/resource_view.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { useFunctions, useStats } from "../state/functions.ts";
import { describe } from "./hook.ts";
import { PauseButton } from "./pause_button.tsx";

/** A deployed function, or one of LANGUAGE javascript, which has statistics alone. */
interface Row { name: string; deployed: DeployedFunction | null; stats: Stats | null; searched: string }

function toRows(functions: DeployedFunction[], stats: Stats[]): Row[] {
  const statsOf = new Map(stats.map((item) => [item.function, item]));
  const rows = functions.map((deployed): Row => {
    const own = statsOf.get(deployed.name) ?? null;
    statsOf.delete(deployed.name);
    const words = [deployed.name, deployed.owner, deployed.description, ...(deployed.hooks ?? []).map((hook) => `${hook.type} ${describe(hook)}`), deployed.paused ? "paused" : ""];
    return { name: deployed.name, deployed, stats: own, searched: words.join(" ").toLowerCase() };
  });
  for (const [name, own] of statsOf) rows.push({ name, deployed: null, stats: own, searched: `${name} javascript`.toLowerCase() });
  return rows;
}

const COLUMNS: Column<Row>[] = [
  { name: "name", title: "Name", kind: "main", order: (row) => row.name, cell: ({ name, deployed }) => (
    <>
      <FunctionLink name={name} testid="function-link" />
      {deployed?.paused && <> <Badge tone="warn" testid="paused">paused</Badge></>}
      {!deployed && <> <Badge title="not deployed with alyx">LANGUAGE javascript</Badge></>}
      {deployed?.description && <div class="dim clip" title={deployed.description}>{deployed.description}</div>}
    </>
  ) },
  { name: "owner", title: "Owner", order: (row) => row.deployed?.owner, cell: ({ deployed }) => deployed?.owner ?? "–" },
  { name: "version", title: "Version", kind: "number", order: (row) => row.deployed?.version, cell: ({ deployed }) => deployed?.version ?? "–" },
  { name: "hooks", title: "Hooks", cell: ({ deployed }) => <Hooks of={deployed} /> },
  { name: "calls", title: "Calls", kind: "number", order: (row) => row.stats?.calls ?? 0, cell: ({ stats }) => count(stats?.calls ?? 0) },
  { name: "errors", title: "Errors", kind: "number", order: (row) => (row.stats?.calls ? row.stats.errors / row.stats.calls : null), cell: ({ stats }) => (
    <span class={stats?.errors ? "bad-text" : undefined} title={stats ? `${count(stats.errors)} of ${count(stats.calls)} calls` : undefined}>{share(stats?.errors, stats?.calls)}</span>
  ) },
  { name: "p95", title: "p95", kind: "number", order: (row) => (row.stats?.calls ? row.stats.p95_ms : null), cell: ({ stats }) => (stats?.calls ? duration(stats.p95_ms) : "–") },
  { name: "actions", title: "Actions", kind: "actions", cell: ({ deployed }) => deployed && <PauseButton name={deployed.name} isPaused={deployed.paused} small /> },
];

function Hooks({ of }: { of: DeployedFunction | null }) {
  const hooks = of?.hooks ?? [];
  const types = [...new Set(hooks.map((hook) => hook.type))];
  if (types.length === 0) return <span class="dim">–</span>;
  return <>{types.map((type) => {
    const own = hooks.filter((hook) => hook.type === type);
    return <Badge key={type} title={own.map(describe).join("\n")}>{type}{own.length > 1 ? ` ×${own.length}` : ""}</Badge>;
  })}</>;
}

export function FunctionsPage() {
  const functions = useFunctions();
  const stats = useStats();
  const search = useSignal("");
  const all = functions.data.value;
  const rows = useMemo(() => (all ? toRows(all, stats.data.value ?? []) : []), [all, stats.data.value]);
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = useMemo(() => rows.filter((row) => words.every((word) => row.searched.includes(word))), [rows, search.value]);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Functions</h1>
        <span class="dim" role="status" data-testid="functions-count">{all && (words.length > 0 ? `${count(found.length)} of ${count(rows.length)}` : count(rows.length))}</span>
        <label class="field grow">
          <span class="unseen">Search functions</span>
          <input type="search" placeholder="Search name, owner, hook …  ( / )" data-search value={search.value} autocomplete="off" spellcheck={false}
            onInput={(event) => (search.value = event.currentTarget.value)} data-testid="search" />
        </label>
      </div>
      {stats.error.value && <p class="bad-text" role="alert">The statistics cannot be read: {stats.error.value.message}</p>}
      <ResourceView of={functions} what="functions">
        {() => rows.length === 0
          ? <Empty><p>No functions yet.</p><p>Make one with <code>alyx new my-function --lang ts</code>, and bring it here with <code>alyx deploy</code>.</p></Empty>
          : found.length === 0
            ? <Empty><p>No function has all of these words.</p><button type="button" onClick={() => (search.value = "")}>Clear the search</button></Empty>
            : <Table label="Functions" testid="functions" rowTestid="function-row" columns={COLUMNS} rows={found} keyOf={(row) => row.name} sorted={{ by: "name", isDown: false }} />}
      </ResourceView>
    </>
  );
}
