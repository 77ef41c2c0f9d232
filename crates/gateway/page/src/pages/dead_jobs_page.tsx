// Jobs that failed for good, of all functions or one.

import { filterOf, TextFilter } from "../parts/filters.tsx";
import { useFunctions } from "../state/functions.ts";
import { DeadJobTable, useDeadJobs } from "./dead_job_list.tsx";
import { JobTabs } from "./job_tabs.tsx";
import { ReplayAllButton } from "./replay.tsx";

export function DeadJobsPage() {
  const names = useFunctions().data.value?.map((item) => item.name);
  const name = filterOf("function");
  const jobs = useDeadJobs(name);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Dead jobs</h1>
        <JobTabs isDead />
        <div class="filters">
          <TextFilter name="function" label="Function" suggestions={names} />
          {name !== "" && !!jobs.items?.length && <ReplayAllButton name={name} />}
        </div>
      </div>
      <DeadJobTable jobs={jobs} showsFunction />
    </>
  );
}
