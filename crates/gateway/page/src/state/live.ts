// Keeps the event stream open and tells resources that what they show has changed. Not EventSource, which cannot send the
// Authorization header. While the tab is hidden, or the user has paused it, there is no stream; afterwards all is read again.

import { signal } from "@preact/signals";
import { open } from "../api/request.ts";
import { EventReader } from "../api/sse.ts";
import { token } from "../api/token.ts";

export type Topic = "stats" | "invocations" | "jobs" | "functions" | "schedules";
export type LiveState = "live" | "connecting" | "reconnecting" | "paused";

export const liveState = signal<LiveState>("connecting");

const TOPICS: Topic[] = ["stats", "invocations", "jobs", "functions", "schedules"];
const SHORTEST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
/** Longer than the gateway is ever silent: a stream from which nothing comes is dead. */
const SILENCE_MS = 60_000;

interface Listener { topics: readonly Topic[]; changed: () => void }

const listeners = new Set<Listener>();
let stream: AbortController | null = null;
let isPaused = false;
let wake: (() => void) | null = null;

export function listen(topics: readonly Topic[], changed: () => void): () => void {
  const listener = { topics, changed };
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Has everything that shows these topics read again. */
export function touch(topics: readonly Topic[] = TOPICS): void {
  for (const listener of [...listeners]) {
    if (listener.topics.some((topic) => topics.includes(topic))) listener.changed();
  }
}

export function pauseLive(paused: boolean): void {
  isPaused = paused;
  restart();
}

/** Follows the session: a token starts the stream, none ends it. Called once. */
export function startLive(): void {
  token.subscribe(restart);
  document.addEventListener("visibilitychange", restart);
  addEventListener("online", () => wake?.());
}

function restart(): void {
  stream?.abort();
  stream = null;
  if (isPaused) liveState.value = "paused";
  if (isPaused || document.hidden || token.peek() === null) return;
  stream = new AbortController();
  void follow(stream.signal);
}

async function follow(signal: AbortSignal): Promise<void> {
  let wait_ms = SHORTEST_WAIT_MS;
  liveState.value = "connecting";
  while (!signal.aborted) {
    try {
      await readStream(signal, () => {
        wait_ms = SHORTEST_WAIT_MS;
        liveState.value = "live";
        touch();
      });
    } catch {
      // Whatever it was, the way out is to connect again; a refused token has ended the session already.
    }
    if (signal.aborted) return;
    liveState.value = "reconnecting";
    await pause(wait_ms * (0.75 + Math.random() / 2), signal);
    wait_ms = Math.min(wait_ms * 2, LONGEST_WAIT_MS);
  }
}

async function readStream(outer: AbortSignal, opened: () => void): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await open("GET", "events", { signal: AbortSignal.any([outer, silence.signal]) });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const events = new EventReader();
    opened();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      for (const event of events.push(value)) if (event.event === "change") touch(topicsOf(event.data));
    }
  } finally {
    clearTimeout(timer);
  }
}

function topicsOf(data: string): Topic[] {
  try {
    const changed = JSON.parse(data) as Partial<Record<Topic, boolean>>;
    return TOPICS.filter((topic) => changed[topic]);
  } catch {
    return TOPICS;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", wake, { once: true });
  });
}
