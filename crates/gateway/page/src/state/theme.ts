// Light, dark, or as the system is. The choice is no secret and is kept in localStorage.

import { signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

const PLACE = "alyx.theme";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

function read(): Theme {
  const kept = localStorage.getItem(PLACE);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export const theme = signal<Theme>(read());
/** Counts changes of the colours that are seen: what is drawn on a canvas is drawn anew. */
export const colours = signal(0);

export function nextTheme(): void {
  theme.value = NEXT[theme.peek()];
}

/** Called once. */
export function startTheme(): void {
  theme.subscribe((value) => {
    if (value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    if (value === "auto") localStorage.removeItem(PLACE);
    else localStorage.setItem(PLACE, value);
    colours.value = colours.peek() + 1;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (colours.value = colours.peek() + 1));
}
