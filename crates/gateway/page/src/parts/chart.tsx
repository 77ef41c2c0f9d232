// One line over time, drawn by uPlot. What the pointer is at stands above it as text; for those who cannot see it there is
// a sentence. Colours come from the style sheet, through properties of the two elements that are there.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { colours } from "../state/theme.ts";
import { localMinute } from "./format.ts";
import { lonePoints } from "./minutes.ts";

const HEIGHT_PX = 150;
const AXIS_FONT = "11px system-ui, sans-serif";

export interface ChartOf {
  title: string;
  tone: "accent" | "bad" | "warn";
  at_s: number[];
  values: (number | null)[];
  /** Draws the ground under the line: for what is zero when nothing happens. */
  isFilled: boolean;
  format: (value: number | null) => string;
  summary: string;
  testid: string;
}

export function Chart(props: ChartOf) {
  const { title, tone, at_s, values, summary, testid } = props;
  const box = useRef<HTMLElement>(null);
  const plot = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const pointed = useSignal<string | null>(null);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const [ground, place] = [box.current!, plot.current!];
    const show = (self: uPlot) => {
      const index = self.cursor.idx;
      const at = index == null ? undefined : latest.current.at_s[index];
      pointed.value = at === undefined ? null : `${localMinute(new Date(at * 1000))}  ${latest.current.format(latest.current.values[index!] ?? null)}`;
    };
    const made = new uPlot(options(ground, place, latest, show), [latest.current.at_s, latest.current.values], place);
    chart.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: HEIGHT_PX }));
    resized.observe(place);
    return () => {
      resized.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [colours.value]);
  useEffect(() => chart.current?.setData([at_s, values]), [at_s, values]);

  return (
    <figure class="chart" ref={box} data-testid={testid}>
      <figcaption><b>{title}</b> <span class="chart-value">{pointed.value ?? summary}</span></figcaption>
      <div class={`plot ${tone}`} ref={plot} role="img" aria-label={`${title}: ${summary}`} />
    </figure>
  );
}

function options(ground: HTMLElement, place: HTMLElement, latest: { current: ChartOf }, show: (self: uPlot) => void): uPlot.Options {
  const { color: text, borderTopColor: line } = getComputedStyle(ground);
  const stroke = getComputedStyle(place).color;
  const axis = { stroke: text, font: AXIS_FONT, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: place.clientWidth, height: HEIGHT_PX,
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: "minutes" }, drag: { x: false, y: false } },
    hooks: { setCursor: [show] },
    scales: { y: { range: (_, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, size: 28, gap: 6, space: 60, values: (_, splits) => splits.map((at) => localMinute(new Date(at * 1000))) },
      { ...axis, size: 62, space: 30, values: (_, splits) => splits.map((value) => latest.current.format(value).replace(/\.0+(?= )/, "")) },
    ],
    series: [
      {},
      {
        stroke, width: 1.5, spanGaps: false,
        fill: latest.current.isFilled ? withAlpha(stroke) : undefined,
        points: { size: 4, fill: stroke, filter: (self, index) => lonePoints((self.data[index] ?? []) as (number | null)[]) },
      },
    ],
  };
}

/** Computed colours are rgb(…): the same, nearly transparent. */
function withAlpha(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, (_, parts: string) => `rgba(${parts}, 0.15)`);
}
