// The frame around every page: where one can go, who is signed in, whether what is shown is live.

import type { ComponentChildren } from "preact";
import { isKeysOpen } from "./parts/keys_dialog.tsx";
import { PLACES } from "./state/keyboard.ts";
import { liveState, pauseLive } from "./state/live.ts";
import { href } from "./state/route.ts";
import { me, signOut } from "./state/session.ts";
import { nextTheme, theme } from "./state/theme.ts";

export function Shell({ place, children }: { place: string; children: ComponentChildren }) {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>To the content</a>
      <header>
        <a class="brand" href={href(["functions"])}>alyx</a>
        <nav aria-label="Pages">
          {Object.values(PLACES).map(({ path, title }) => (
            <a key={title} href={href(path)} aria-current={path[0] === place ? "page" : undefined} data-testid={`nav-${path[0]}`}>{title}</a>
          ))}
        </nav>
        <div class="account">
          <LiveMark />
          <ThemeButton />
          <button type="button" class="small" aria-label="keys" title="keys (?)" onClick={() => (isKeysOpen.value = true)} data-testid="keys">?</button>
          <span class="who" data-testid="who" title={`extension ${me.value?.extension}, wasmtime ${me.value?.wasmtime}`}>
            <b data-testid="role">{me.value?.role}</b>@<span data-testid="database">{me.value?.database}</span>
          </span>
          <button type="button" class="small" onClick={signOut} data-testid="sign-out">Sign out</button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>{children}</main>
    </>
  );
}

/** Not by the address: what is after `#` there is the place in the page. */
function skip(event: MouseEvent) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

export function ThemeButton() {
  return (
    <button type="button" class="small" onClick={nextTheme} aria-label={`colours: ${theme.value}`} title="colours: as the system, light, dark" data-testid="theme">
      <span aria-hidden="true">{{ auto: "◐", light: "☀", dark: "☾" }[theme.value]}</span><span class="theme-name"> {theme.value}</span>
    </button>
  );
}

function LiveMark() {
  const state = liveState.value;
  const isPaused = state === "paused";
  return (
    <button type="button" class={`small live ${state}`} aria-pressed={isPaused} onClick={() => pauseLive(!isPaused)}
      title={isPaused ? "show changes as they happen" : "stop showing changes"} data-testid="live" data-state={state}>
      <span class="dot" aria-hidden="true" /> <span role="status">{state}</span>
    </button>
  );
}
