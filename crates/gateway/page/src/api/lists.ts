// Lists of the API, whole or a page at a time.

import { request, type Query } from "./request.ts";

/** The most items that one reply holds. */
export const LIMIT = 500;

export async function list<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T[]> {
  const { items } = await request<{ items?: T[] }>("GET", path, { query, signal });
  return Array.isArray(items) ? items : [];
}

/** All items of a list that is ordered by name, page by page. */
export async function listAll<T>(path: string, nameOf: (item: T) => string, signal?: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  const names = new Set<string>();
  for (let after: string | undefined; ;) {
    const page = await list<T>(path, { limit: LIMIT, after }, signal);
    const fresh = page.filter((item) => !names.has(nameOf(item)));
    for (const item of fresh) {
      names.add(nameOf(item));
      all.push(item);
    }
    if (page.length < LIMIT || fresh.length === 0) return all;
    after = nameOf(page[page.length - 1]!);
  }
}

/**
 * What a newest-first list holds after its newest part has been read again: that, and what was there and is older. Where
 * the two do not meet, what is between them is not known, and the older part is left out.
 */
export function mergeNewest<T>(newest: T[], known: T[], keyOf: (item: T) => string, limit: number): T[] {
  if (newest.length < limit) return newest;
  const keys = new Set(newest.map(keyOf));
  const last = newest[newest.length - 1];
  const meets = last === undefined ? -1 : known.findIndex((item) => keyOf(item) === keyOf(last));
  if (meets < 0) return newest;
  return newest.concat(known.slice(meets + 1).filter((item) => !keys.has(keyOf(item))));
}
