// Rate, errors and p95 of a function, by minute.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { list } from "../api/lists.ts";
import type { Minute } from "../api/model.ts";
import { Chart } from "../parts/chart.tsx";
import { count, duration } from "../parts/format.ts";
import { startOfWindow, toColumns, type Window } from "../parts/minutes.ts";
import { ResourceView } from "../parts/resource_view.tsx";
import { useResource } from "../state/resource.ts";
import { now_ms } from "../state/clock.ts";

/** A minute is stored some time after its last call, when no change is told any more: so they are read by the clock as well. */
const READ_MS = 30_000;

interface ShownWindow extends Window { title: string; words: string }

const HOUR: ShownWindow = { minutes: 60, step_minutes: 1, title: "1 h", words: "the last hour" };
const DAY: ShownWindow = { minutes: 1440, step_minutes: 5, title: "24 h", words: "the last 24 hours" };

export function FunctionCharts({ name }: { name: string }) {
  const shown = useSignal(HOUR);
  const resource = useResource(`minutes ${shown.value.minutes} ${name}`, ["stats"], (signal) =>
    list<Minute>("stats/minutes", { function: name, since: new Date(startOfWindow(Date.now(), shown.value)).toISOString(), limit: shown.value.minutes }, signal));
  const period = Math.floor(now_ms.value / READ_MS);
  const readIn = useRef(period);
  useEffect(() => {
    if (readIn.current !== period) resource.reload();
    readIn.current = period;
  }, [period]);
  return (
    <section aria-labelledby="charts">
      <div class="head">
        <h2 id="charts">By minute</h2>
        <div class="choice" role="group" aria-label="time shown">
          {[HOUR, DAY].map((window) => (
            <button key={window.minutes} type="button" class="small" aria-pressed={shown.value === window}
              onClick={() => (shown.value = window)} data-testid={`window-${window.minutes}`}>{window.title}</button>
          ))}
        </div>
      </div>
      <ResourceView of={resource} what="charts">
        {(items) => <Charts items={items.filter((item) => item.function === name)} window={shown.value} />}
      </ResourceView>
    </section>
  );
}

function Charts({ items, window }: { items: Minute[]; window: ShownWindow }) {
  const { words } = window;
  const minute = Math.floor(now_ms.value / 60_000);
  const columns = useMemo(() => toColumns(items, minute * 60_000, window), [items, window, minute]);
  const totalOf = (what: "calls" | "errors") => items.reduce((sum, item) => sum + item[what], 0);
  const calls = totalOf("calls");
  const perMinute = (value: number | null) => (value === null ? "–" : `${count(Math.round(value * 100) / 100)}/min`);
  const highest = columns.p95_ms.reduce<number | null>((most, value) => (value !== null && value > (most ?? -1) ? value : most), null);
  return (
    <div class="charts">
      <Chart title="Rate" tone="accent" at_s={columns.at_s} values={columns.calls} isFilled format={perMinute}
        summary={`${count(calls)} ${calls === 1 ? "call" : "calls"} in ${words}`} testid="chart-rate" />
      <Chart title="Errors" tone="bad" at_s={columns.at_s} values={columns.errors} isFilled format={perMinute}
        summary={`${count(totalOf("errors"))} in ${words}`} testid="chart-errors" />
      <Chart title="p95" tone="warn" at_s={columns.at_s} values={columns.p95_ms} isFilled={false} format={duration}
        summary={highest === null ? `no calls in ${words}` : `${duration(highest)} at most in ${words}`} testid="chart-p95" />
    </div>
  );
}
