// Timers without waiting: a function holds its caller's transaction, so time is not slept away. Timers run in the order of
// their due times, then of their making, when nothing else is left to do. What C asks for is in engine/settle.c.

import { define } from "./index.js";

export function installTimers(engine) {
  let timers = [];
  let last = 0;
  /** The time that has passed for timers, in milliseconds. */
  let now = 0;

  function add(run, delay, every, args) {
    if (typeof run !== "function") throw new TypeError("a timer takes a function");
    const wait = Math.max(0, Number(delay) || 0);
    last += 1;
    timers.push({ id: last, due: now + wait, every: every ? Math.max(1, wait) : 0, run, args });
    engine.armTimers();
    return last;
  }

  /** Kinds: 0 the next timer, 1 the next that does not repeat, 2 forget all. Whether one ran. */
  function step(kind) {
    if (kind === 2) {
      timers = [];
      now = 0;
      return false;
    }
    let next;
    for (const timer of timers) {
      if (kind === 1 && timer.every > 0) continue;
      if (next === undefined || timer.due < next.due || (timer.due === next.due && timer.id < next.id)) next = timer;
    }
    if (next === undefined) return false;
    now = Math.max(now, next.due);
    if (next.every > 0) next.due = now + next.every;
    else timers = timers.filter((timer) => timer !== next);
    next.run(...next.args);
    return true;
  }

  const clear = (id) => {
    timers = timers.filter((timer) => timer.id !== id);
  };
  define("setTimeout", (run, delay, ...args) => add(run, delay, false, args));
  define("setInterval", (run, delay, ...args) => add(run, delay, true, args));
  define("setImmediate", (run, ...args) => add(run, 0, false, args));
  define("clearTimeout", clear);
  define("clearInterval", clear);
  define("clearImmediate", clear);
  define("queueMicrotask", (run) => {
    if (typeof run !== "function") throw new TypeError("queueMicrotask takes a function");
    Promise.resolve().then(run);
  });
  engine.setTimers(step);
}
