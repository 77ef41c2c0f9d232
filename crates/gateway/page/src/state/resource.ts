// Something read from the API and shown: its value, its error, and reading it again when it has changed. One resource for
// each key, shared by all that show it. The last ones are kept, so that going back shows at once what was there.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { asApiError, isAbort, type ApiError } from "../api/request.ts";
import { token } from "../api/token.ts";
import { listen, type Topic } from "./live.ts";

export type Load<T> = (signal: AbortSignal, known: T | undefined) => Promise<T>;

const KEPT = 40;
const SHORTEST_GAP_MS = 1000;
/** A slow read is repeated more rarely: it takes a fifth of the time at most. */
const GAP_FACTOR = 4;

export class Resource<T> {
  readonly data = signal<T | undefined>(undefined);
  readonly error = signal<ApiError | null>(null);
  readonly isLoading = signal(false);
  #load: Load<T> | null = null;
  #users = 0;
  #running: AbortController | null = null;
  #isStale = false;
  #gap_ms = 0;
  #timer = 0;

  /** Begins to show it; what is returned ends that. */
  use(topics: readonly Topic[], load: Load<T>): () => void {
    this.#load = load;
    this.#users += 1;
    const unlisten = listen(topics, () => this.#changed());
    if (this.#users === 1) this.reload();
    return () => {
      unlisten();
      this.#users -= 1;
      if (this.#users === 0) this.#stop();
    };
  }

  reload(): void {
    if (this.#running) {
      this.#isStale = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = 0;
    void this.#run();
  }

  #changed(): void {
    if (this.#running) this.#isStale = true;
    else if (this.#gap_ms > 0) this.#reloadLater();
    else this.reload();
  }

  async #run(): Promise<void> {
    const load = this.#load;
    if (!load) return;
    const running = new AbortController();
    this.#running = running;
    this.#isStale = false;
    this.isLoading.value = true;
    const from = performance.now();
    try {
      const data = await load(running.signal, this.data.peek());
      if (running.signal.aborted) return;
      this.data.value = data;
      this.error.value = null;
    } catch (error) {
      if (running.signal.aborted || isAbort(error)) return;
      this.error.value = asApiError(error);
    }
    this.#running = null;
    this.isLoading.value = false;
    this.#rest(performance.now() - from);
  }

  /** For a while after a read, changes wait for the next one. */
  #rest(took_ms: number): void {
    this.#gap_ms = Math.max(SHORTEST_GAP_MS, took_ms * GAP_FACTOR);
    if (this.#isStale) this.#reloadLater();
  }

  /** Not while nobody looks: all is read again when the tab is seen. */
  #reloadLater(): void {
    if (this.#timer !== 0) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      if (!document.hidden) this.reload();
    }, this.#gap_ms);
  }

  #stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.isLoading.value = false;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#gap_ms = 0;
  }
}

const resources = new Map<string, Resource<unknown>>();
token.subscribe(() => resources.clear());

function resourceOf<T>(key: string): Resource<T> {
  const known = resources.get(key) ?? new Resource<unknown>();
  resources.delete(key);
  resources.set(key, known);
  const oldest = resources.keys().next().value;
  if (resources.size > KEPT && oldest !== undefined) resources.delete(oldest);
  return known as Resource<T>;
}

/** The resource of this key, read while the component is there. The key must name everything that `load` asks for. */
export function useResource<T>(key: string, topics: readonly Topic[], load: Load<T>): Resource<T> {
  const held = useRef<{ key: string; resource: Resource<T> } | null>(null);
  if (held.current?.key !== key) held.current = { key, resource: resourceOf<T>(key) };
  const { resource } = held.current;
  useEffect(() => resource.use(topics, load), [resource]);
  return resource;
}
