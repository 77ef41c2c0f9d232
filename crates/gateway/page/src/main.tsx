// Starts the page: what follows the browser (address, keys, clock, theme, stream), then the first drawing.

import { render } from "preact";
import { App } from "./app.tsx";
import { startClock } from "./state/clock.ts";
import { startKeyboard } from "./state/keyboard.ts";
import { startLive } from "./state/live.ts";
import { startRouting } from "./state/route.ts";
import { check } from "./state/session.ts";
import { startTheme } from "./state/theme.ts";
import "../styles/page.css";

startTheme();
startRouting();
startClock();
startKeyboard();
startLive();
void check();
render(<App />, document.getElementById("page")!);
