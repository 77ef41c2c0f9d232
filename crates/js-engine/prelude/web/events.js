// Event and EventTarget, without a tree to travel through.

import { define } from "./index.js";

export function installEvents() {
  class Event {
    #prevented = false;

    constructor(type, { bubbles = false, cancelable = false } = {}) {
      this.type = String(type);
      this.bubbles = Boolean(bubbles);
      this.cancelable = Boolean(cancelable);
      this.target = null;
      this.currentTarget = null;
      Object.defineProperty(this, "stopped", { value: false, writable: true });
    }

    get defaultPrevented() {
      return this.#prevented;
    }

    preventDefault() {
      if (this.cancelable) this.#prevented = true;
    }

    stopPropagation() {}

    stopImmediatePropagation() {
      this.stopped = true;
    }
  }

  class CustomEvent extends Event {
    constructor(type, init = {}) {
      super(type, init);
      this.detail = init.detail ?? null;
    }
  }

  class EventTarget {
    #listeners = [];

    addEventListener(type, listener, options) {
      if (listener === null || listener === undefined) return;
      const { once = false, signal } = typeof options === "object" && options !== null ? options : {};
      if (signal?.aborted || this.#listeners.some((one) => one.type === type && one.listener === listener)) return;
      this.#listeners.push({ type, listener, once });
      signal?.addEventListener("abort", () => this.removeEventListener(type, listener));
    }

    removeEventListener(type, listener) {
      this.#listeners = this.#listeners.filter((one) => one.type !== type || one.listener !== listener);
    }

    dispatchEvent(event) {
      event.target = event.currentTarget = this;
      for (const one of [...this.#listeners]) {
        if (one.type !== event.type || event.stopped || !this.#listeners.includes(one)) continue;
        if (one.once) this.removeEventListener(one.type, one.listener);
        if (typeof one.listener === "function") one.listener.call(this, event);
        else one.listener.handleEvent(event);
      }
      return !event.defaultPrevented;
    }
  }

  define("Event", Event);
  define("CustomEvent", CustomEvent);
  define("EventTarget", EventTarget);
}
