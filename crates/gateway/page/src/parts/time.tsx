// A time of the API: how long ago it is, or the local time; the other forms are in its title.

import { now_ms } from "../state/clock.ts";
import { localTime, relative, utcTime } from "./format.ts";

export function Time({ at, absolute = false, none = "–" }: { at: string | null | undefined; absolute?: boolean; none?: string }) {
  if (!at) return <span class="dim">{none}</span>;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{at}</span>;
  const title = absolute ? utcTime(date) : `${localTime(date)} local, ${utcTime(date)}`;
  return <time dateTime={at} title={title}>{absolute ? localTime(date) : relative(date, now_ms.value)}</time>;
}
