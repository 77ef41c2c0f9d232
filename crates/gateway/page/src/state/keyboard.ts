// The keys of the page. A key in a text field belongs to the field, and with a dialog open to the dialog.

import { isKeysOpen } from "../parts/keys_dialog.tsx";
import { go } from "./route.ts";

export const PLACES: Record<string, { path: string[]; title: string }> = {
  f: { path: ["functions"], title: "Functions" },
  i: { path: ["invocations"], title: "Invocations" },
  j: { path: ["jobs"], title: "Jobs" },
  s: { path: ["schedules"], title: "Schedules" },
  l: { path: ["logs"], title: "Logs" },
};
const PAIR_MS = 1200;

let pressedG_ms = -Infinity;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  const place = PLACES[event.key];
  const isPair = performance.now() - pressedG_ms < PAIR_MS;
  pressedG_ms = event.key === "g" ? performance.now() : -Infinity;
  if (isPair && place) go(place.path);
  else if (event.key === "/") focusSearch(event);
  else if (event.key === "?") isKeysOpen.value = true;
}

function focusSearch(event: KeyboardEvent): void {
  const field = document.querySelector<HTMLInputElement>("[data-search]");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}

/** Called once. */
export function startKeyboard(): void {
  document.addEventListener("keydown", pressed);
}
