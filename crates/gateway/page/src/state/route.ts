// The place in the page, kept in the address after `#`: path, and filters as a query. Back and forward bring the scroll
// position back as well.

import { signal } from "@preact/signals";

export interface Route { path: string[]; query: URLSearchParams }

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export const route = signal<Route>(read());

export function href(path: string[], query: Record<string, string> = {}): string {
  const filters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  const text = filters.size > 0 ? `?${filters}` : "";
  return `#/${path.map(encodeURIComponent).join("/")}${text}`;
}

export function go(path: string[]): void {
  location.hash = href(path);
}

/** Changes filters in place: no new entry in the history for each key that is pressed. */
export function setFilter(name: string, value: string): void {
  const query = Object.fromEntries(route.peek().query);
  history.replaceState(history.state, "", href(route.peek().path, { ...query, [name]: value }));
  route.value = read();
}

export function clearFilters(): void {
  history.replaceState(history.state, "", href(route.peek().path));
  route.value = read();
}

const positions = new Map<number, number>();
let entry = 0;
let latest = 0;
let wanted = 0;

/** Where the page that has just been drawn is to be scrolled to. */
export function wantedScroll(): number {
  return wanted;
}

/** Called once. */
export function startRouting(): void {
  history.scrollRestoration = "manual";
  history.replaceState({ entry }, "");
  addEventListener("hashchange", () => {
    positions.set(entry, scrollY);
    const known = (history.state as { entry?: number } | null)?.entry;
    entry = known ?? ++latest;
    wanted = known === undefined ? 0 : (positions.get(known) ?? 0);
    if (known === undefined) history.replaceState({ entry }, "");
    route.value = read();
  });
}
