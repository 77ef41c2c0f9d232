// The token that requests are made with, and what the server said when it refused one. Nothing else reads or stores it:
// it is in memory, and in sessionStorage when the user wants it to outlive a reload of this tab.

import { signal } from "@preact/signals";

const PLACE = "alyx.token";

export const token = signal<string | null>(sessionStorage.getItem(PLACE));
export const refusal = signal<string | null>(null);

export function keepToken(value: string, remember: boolean): void {
  token.value = value;
  refusal.value = null;
  if (remember) sessionStorage.setItem(PLACE, value);
  else sessionStorage.removeItem(PLACE);
}

export function dropToken(why: string | null): void {
  sessionStorage.removeItem(PLACE);
  token.value = null;
  refusal.value = why;
}
