// Numbers, sizes and times as text, with their units. Pure: what is relative gets the present as an argument.

const NONE = "–";
const whole = new Intl.NumberFormat("en");

type Maybe<T> = T | null | undefined;

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function count(value: Maybe<number>): string {
  return value == null ? NONE : whole.format(value);
}

export function duration(ms: Maybe<number>): string {
  if (ms == null) return NONE;
  if (ms === 0) return "0 ms";
  if (ms < 1) return `${short(ms * 1000)} µs`;
  if (ms < 1000) return `${short(ms)} ms`;
  if (ms < 60_000) return `${short(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${whole.format(Math.floor(seconds / 60))} min ${seconds % 60} s`;
}

export function bytes(value: Maybe<number>): string {
  if (value == null) return NONE;
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let rest = value / 1024;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${short(rest)} ${units[unit]}`;
}

export function share(part: Maybe<number>, all: Maybe<number>): string {
  if (part == null || !all) return NONE;
  if (part === 0) return "0 %";
  const percent = (part / all) * 100;
  return percent < 0.1 ? "< 0.1 %" : `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

const UNITS: [limit_s: number, size_s: number, name: string][] = [
  [60, 1, "s"], [3600, 60, "min"], [86_400, 3600, "h"], [30 * 86_400, 86_400, "d"],
];

/** "3 min ago", "in 2 h", or the day when that is long ago. */
export function relative(at: Date, now_ms: number): string {
  const seconds = (at.getTime() - now_ms) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  for (const [limit, unit, name] of UNITS) {
    if (size >= limit) continue;
    const text = `${Math.floor(size / unit)} ${name}`;
    return seconds < 0 ? `${text} ago` : `in ${text}`;
  }
  return localTime(at).slice(0, 10);
}

const two = (value: number) => String(value).padStart(2, "0");

export function localTime(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function localMinute(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

export function utcTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** JSON for people; text stays text in quotes, so that "1" and 1 differ. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "undefined";
}
