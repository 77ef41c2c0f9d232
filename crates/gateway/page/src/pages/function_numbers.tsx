// What a function has done since it is counted, in numbers.

import { count, bytes, duration, share } from "../parts/format.ts";
import { ResourceView } from "../parts/resource_view.tsx";
import { Time } from "../parts/time.tsx";
import { useStatsOf } from "../state/functions.ts";

export function FunctionNumbers({ name }: { name: string }) {
  const stats = useStatsOf(name);
  return (
    <ResourceView of={stats} what="statistics">
      {(of) => {
        const times = of && of.calls > 0 ? of : null;
        return (
          <>
            <dl class="numbers" data-testid="numbers">
              <div><dt>Calls</dt><dd data-testid="calls">{count(of?.calls ?? 0)}</dd></div>
              <div><dt>Errors</dt><dd class={of?.errors ? "bad-text" : undefined} data-testid="errors"
                title={of ? `${count(of.traps)} traps, ${count(of.timeouts)} timeouts among them` : undefined}>
                {count(of?.errors ?? 0)} <small>{share(of?.errors, of?.calls)}</small></dd></div>
              <div><dt>p50</dt><dd>{duration(times?.p50_ms)}</dd></div>
              <div><dt>p95</dt><dd data-testid="p95">{duration(times?.p95_ms)}</dd></div>
              <div><dt>p99</dt><dd>{duration(times?.p99_ms)}</dd></div>
              <div><dt>Longest</dt><dd>{duration(times?.max_ms)}</dd></div>
              <div><dt>Peak memory</dt><dd>{bytes(times?.peak_memory_bytes)}</dd></div>
            </dl>
            <p class="dim">
              {of?.since ? <>Counted since <Time at={of.since} absolute />.</> : "It has not been called yet."}
              {of && of.lost_records > 0 && <> <span class="warn-text">{count(of.lost_records)} invocations left no record: there was no room.</span></>}
            </p>
          </>
        );
      }}
    </ResourceView>
  );
}
