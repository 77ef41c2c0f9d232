// Between the jobs that live and those that are dead.

import { filterOf } from "../parts/filters.tsx";
import { href } from "../state/route.ts";

export function JobTabs({ isDead }: { isDead: boolean }) {
  const query = { function: filterOf("function") };
  return (
    <nav class="choice" aria-label="jobs">
      <a class="tab" href={href(["jobs"], query)} aria-current={isDead ? undefined : "page"} data-testid="tab-jobs">Waiting and running</a>
      <a class="tab" href={href(["jobs", "dead"], query)} aria-current={isDead ? "page" : undefined} data-testid="tab-dead-jobs">Dead</a>
    </nav>
  );
}
