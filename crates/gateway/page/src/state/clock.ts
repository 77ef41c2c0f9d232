// The time that relative times are relative to. It stands still while nobody looks.

import { signal } from "@preact/signals";

const STEP_MS = 5000;

export const now_ms = signal(Date.now());

/** Called once. */
export function startClock(): void {
  const step = () => {
    if (!document.hidden) now_ms.value = Date.now();
  };
  setInterval(step, STEP_MS);
  document.addEventListener("visibilitychange", step);
}
