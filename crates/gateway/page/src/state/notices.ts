// What is told about an action: that it is done, or why it is not.

import { signal } from "@preact/signals";
import { asApiError, type ApiError } from "../api/request.ts";
import { touch, type Topic } from "./live.ts";

export interface Notice { id: number; text: string; error: ApiError | null }

const SHOWN_MS = 6000;

export const notices = signal<Notice[]>([]);
let last = 0;

export function dismiss(id: number): void {
  notices.value = notices.peek().filter((notice) => notice.id !== id);
}

function tell(text: string, error: ApiError | null): void {
  const id = ++last;
  notices.value = [...notices.peek().slice(-4), { id, text, error }];
  if (!error) setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Runs an action of the user's, tells how it ended, and has what it changed read again. */
export async function act(what: string, topics: readonly Topic[], action: () => Promise<string>): Promise<void> {
  try {
    tell(await action(), null);
  } catch (error) {
    const failure = asApiError(error);
    if (failure.status !== 401) tell(what, failure);
  }
  touch(topics);
}
