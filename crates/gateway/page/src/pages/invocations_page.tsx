// All invocations, filtered by the address.

import { filterOf, SelectFilter, TextFilter } from "../parts/filters.tsx";
import { useFunctions } from "../state/functions.ts";
import { InvocationList } from "./invocation_list.tsx";

const STATUSES = ["ok", "error", "trap", "timeout", "canceled", "limit"];
const TRIGGERS = ["sql", "database", "queue", "schedule", "http", "webhook"];

export function InvocationsPage() {
  const names = useFunctions().data.value?.map((item) => item.name);
  const query = { function: filterOf("function"), status: filterOf("status"), trigger: filterOf("trigger") };
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Invocations</h1>
        <div class="filters">
          <TextFilter name="function" label="Function" suggestions={names} />
          <SelectFilter name="status" label="Status" options={STATUSES} />
          <SelectFilter name="trigger" label="Trigger" options={TRIGGERS} />
        </div>
      </div>
      <InvocationList query={query} />
    </>
  );
}
