// A newest-first list that can be followed into the past: the newest part is read again on changes, older parts on demand.

import { useSignal } from "@preact/signals";
import { list, LIMIT, mergeNewest } from "../api/lists.ts";
import { asApiError, type ApiError, type Query } from "../api/request.ts";
import type { Topic } from "./live.ts";
import { useResource, type Resource } from "./resource.ts";

const PAGE = 50;

/** What changes when an invocation has been recorded; one that began before others does not become the newest. */
export const RECORDED: readonly Topic[] = ["invocations", "stats"];

interface Part<T> { items: T[]; isWhole: boolean }

export interface Timeline<T> {
  resource: Resource<Part<T>>;
  items: T[] | undefined;
  /** Nothing older is there. */
  isWhole: boolean;
  isLoadingOlder: boolean;
  olderError: ApiError | null;
  loadOlder(): Promise<void>;
}

export interface TimelineOf<T> {
  path: string;
  query: Query;
  topics: readonly Topic[];
  timeOf(item: T): string;
  keyOf(item: T): string;
  page?: number;
}

export function useTimeline<T>({ path, query, topics, timeOf, keyOf, page = PAGE }: TimelineOf<T>): Timeline<T> {
  const isLoadingOlder = useSignal(false);
  const olderError = useSignal<ApiError | null>(null);
  const resource = useResource<Part<T>>(`${path} ${page} ${JSON.stringify(query)}`, topics, async (abort, known) => {
    const limit = Math.min(LIMIT, Math.max(page, known?.items.length ?? 0));
    const newest = await list<T>(path, { ...query, limit }, abort);
    const items = mergeNewest(newest, known?.items ?? [], keyOf, limit);
    return { items, isWhole: newest.length < limit || (items.length > newest.length && (known?.isWhole ?? false)) };
  });

  async function loadOlder(): Promise<void> {
    const last = resource.data.peek()?.items.at(-1);
    if (!last || isLoadingOlder.peek()) return;
    isLoadingOlder.value = true;
    olderError.value = null;
    try {
      const older = await list<T>(path, { ...query, limit: page, before: timeOf(last) });
      const items = resource.data.peek()?.items ?? [];
      const keys = new Set(items.map(keyOf));
      resource.data.value = { items: items.concat(older.filter((item) => !keys.has(keyOf(item)))), isWhole: older.length < page };
    } catch (error) {
      olderError.value = asApiError(error);
    } finally {
      isLoadingOlder.value = false;
    }
  }

  const part = resource.data.value;
  return {
    resource, items: part?.items, isWhole: part?.isWhole ?? false,
    isLoadingOlder: isLoadingOlder.value, olderError: olderError.value, loadOlder,
  };
}

