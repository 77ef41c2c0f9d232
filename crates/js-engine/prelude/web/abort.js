// AbortController and AbortSignal. Host calls are synchronous, so a signal can only stop what has not begun; the time of
// AbortSignal.timeout is handed to the host as the request's limit.

import { define } from "./index.js";

export function installAbort() {
  class AbortSignal {
    aborted = false;
    reason = undefined;
    onabort = null;
    #listeners = [];

    addEventListener(type, listener, { once = false } = {}) {
      if (type === "abort") this.#listeners.push({ listener, once });
    }

    removeEventListener(type, listener) {
      if (type === "abort") this.#listeners = this.#listeners.filter((one) => one.listener !== listener);
    }

    throwIfAborted() {
      if (this.aborted) throw this.reason;
    }

    /** What controllers and `any` call. */
    dispatchEvent(event) {
      if (event?.type !== "abort") return true;
      const listeners = this.#listeners;
      this.#listeners = listeners.filter((one) => !one.once);
      this.onabort?.call(this, event);
      for (const { listener } of listeners) (typeof listener === "function" ? listener : listener.handleEvent).call(this, event);
      return true;
    }

    static abort(reason) {
      const signal = new AbortSignal();
      end(signal, reason);
      return signal;
    }

    static timeout(milliseconds) {
      const signal = new AbortSignal();
      Object.defineProperty(signal, "timeout_ms", { value: milliseconds });
      setTimeout(() => end(signal, problem("TimeoutError", "the time is over")), milliseconds);
      return signal;
    }

    static any(signals) {
      const all = [...signals];
      const signal = new AbortSignal();
      for (const one of all) {
        if (one.aborted) end(signal, one.reason);
        else one.addEventListener("abort", () => end(signal, one.reason));
      }
      const times = all.map((one) => one.timeout_ms).filter((time) => time !== undefined);
      if (times.length > 0) Object.defineProperty(signal, "timeout_ms", { value: Math.min(...times) });
      return signal;
    }
  }

  class AbortController {
    signal = new AbortSignal();

    abort(reason) {
      end(this.signal, reason);
    }
  }

  define("AbortSignal", AbortSignal);
  define("AbortController", AbortController);
}

function end(signal, reason = problem("AbortError", "the operation was aborted")) {
  if (signal.aborted) return;
  signal.aborted = true;
  signal.reason = reason;
  signal.dispatchEvent({ type: "abort", target: signal });
}

function problem(name, message) {
  if (globalThis.DOMException !== undefined) return new DOMException(message, name);
  const error = new Error(message);
  error.name = name;
  return error;
}
