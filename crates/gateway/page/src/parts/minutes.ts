// Statistics by minute as columns for charts: every minute of the window has its place, also those without calls.

import type { Minute } from "../api/model.ts";

/** A window of time, cut into steps that begin at the same instants however late it is. */
export interface Window { minutes: number; step_minutes: number }

export interface Columns {
  /** Start of each step, seconds since 1970. */
  at_s: number[];
  /** Per minute; 0 where there was no call. */
  calls: number[];
  errors: number[];
  /** The highest of the step's minutes; null where there was no call. */
  p95_ms: (number | null)[];
}

const MINUTE_MS = 60_000;

export function startOfWindow(now_ms: number, { minutes, step_minutes }: Window): number {
  const step_ms = step_minutes * MINUTE_MS;
  return (Math.floor(now_ms / step_ms) + 1) * step_ms - minutes * MINUTE_MS;
}

export function toColumns(items: Minute[], now_ms: number, window: Window): Columns {
  const start_ms = startOfWindow(now_ms, window);
  const step_ms = window.step_minutes * MINUTE_MS;
  const length = Math.ceil(window.minutes / window.step_minutes);
  const columns: Columns = {
    at_s: Array.from({ length }, (_, index) => (start_ms + index * step_ms) / 1000),
    calls: new Array<number>(length).fill(0),
    errors: new Array<number>(length).fill(0),
    p95_ms: new Array<number | null>(length).fill(null),
  };
  for (const item of items) {
    const index = Math.floor((Date.parse(item.minute) - start_ms) / step_ms);
    if (!(index >= 0 && index < length)) continue;
    // The last step has only begun: its rate is that of the minutes which it has.
    const begun_minutes = Math.min(window.step_minutes, Math.floor((now_ms - start_ms - index * step_ms) / MINUTE_MS) + 1);
    columns.calls[index]! += item.calls / Math.max(1, begun_minutes);
    columns.errors[index]! += item.errors / Math.max(1, begun_minutes);
    if (item.p95_ms != null) columns.p95_ms[index] = Math.max(columns.p95_ms[index] ?? 0, item.p95_ms);
  }
  return columns;
}

/** Points that no line leads to, and which would not be seen without a dot. */
export function lonePoints(values: readonly (number | null | undefined)[]): number[] {
  return values.flatMap((value, index) => (value != null && values[index - 1] == null && values[index + 1] == null ? [index] : []));
}
