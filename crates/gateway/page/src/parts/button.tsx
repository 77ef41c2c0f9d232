// A button that does something on the server: it waits for the answer and cannot be pressed twice meanwhile.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface ActionButtonOf {
  action: () => Promise<void>;
  label?: string;
  kind?: "danger" | "primary";
  small?: boolean;
  testid: string;
  children: ComponentChildren;
}

export function ActionButton({ action, label, kind, small, testid, children }: ActionButtonOf) {
  const isBusy = useSignal(false);
  const isHere = useRef(true);
  useEffect(() => () => void (isHere.current = false), []);

  async function press() {
    if (isBusy.peek()) return;
    isBusy.value = true;
    try {
      await action();
    } finally {
      if (isHere.current) isBusy.value = false;
    }
  }

  return (
    // aria-disabled and not disabled: the focus stays where it is.
    <button type="button" class={[kind, small && "small"].filter(Boolean).join(" ")} aria-label={label} title={label}
      aria-disabled={isBusy.value} aria-busy={isBusy.value} onClick={press} data-testid={testid}>
      {children}
    </button>
  );
}
