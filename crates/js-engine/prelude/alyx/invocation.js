// What belongs to the invocation that runs now, read when it is first asked for. An instance may serve many invocations
// one after another, so `begin` forgets everything of the one before.

import { ask, engine, forget } from "./host.js";
import { forgetTransactions } from "./db.js";
import { canChange, changes, remember } from "./row.js";

let isEvent = false;
let inputValue;
let facts;
let environment = null;
/** The row that a trigger's function has, and what it was before. */
let row;
let rowBefore;
/** `skip` or `output`, when the function has said what becomes of it. */
let settled;

export function begin(hasEvent) {
  isEvent = hasEvent;
  inputValue = undefined;
  facts = undefined;
  environment = null;
  row = undefined;
  rowBefore = undefined;
  settled = undefined;
  forget();
  forgetTransactions();
}

/** Whether the input is an event of a trigger, a job or a request, and not just what a caller passed. */
export function hasEvent() {
  return isEvent;
}

function read() {
  if (inputValue === undefined) inputValue = parse() ?? null;
  return inputValue;
}

function parse() {
  try {
    return engine.inputJson();
  } catch (error) {
    const text = engine.inputText();
    if (text === "") return null;
    throw new TypeError(`the input is not JSON, it begins with ${JSON.stringify(text.slice(0, 20))}: ctx.text and ctx.bytes give it as it is`, { cause: error });
  }
}

/** The event's input, or the input itself. */
export function input() {
  if (!isEvent) return read();
  const event = read();
  if (event.input === undefined && event.http !== undefined) return bodyOf(event.http);
  return event.input ?? null;
}

/** The body of a request as JSON where it is that. */
function bodyOf(http) {
  if (typeof http.body !== "string") return http.body ?? null;
  try {
    return JSON.parse(http.body);
  } catch {
    return http.body === "" ? null : http.body;
  }
}

/** The event; of a plain call what the host says about it, with its input. */
export function event() {
  if (isEvent) return read();
  if (facts === undefined) facts = ask("context", {});
  if (!Object.hasOwn(facts, "input")) {
    Object.defineProperty(facts, "input", { get: input, enumerable: true, configurable: true });
  }
  return facts;
}

/** One value of the function's environment or a granted secret; undefined when there is none. */
export function variable(name) {
  if (environment === null) environment = new Map();
  let value = environment.get(name);
  if (value === undefined && !environment.has(name)) {
    value = ask("env", { key: name }).value ?? undefined;
    environment.set(name, value);
  }
  return value;
}

/** The new row of a trigger, which may be changed; undefined where there is none. */
export function rowOf() {
  if (rowBefore === undefined) {
    const stored = read().database?.new ?? undefined;
    if (stored === undefined) return row;
    rowBefore = remember(stored);
    row = stored;
  }
  return row;
}

export function replaceRow(other) {
  rowOf();
  row = other;
}

export function settleAs(how) {
  settled = how;
}

/** What goes out for what a handler returned; undefined when nothing has to. */
export function outcome(value) {
  if (settled !== undefined) return settled === "skip" ? { skip: true } : undefined;
  if (!isEvent) return value === undefined ? null : value;
  if (rowBefore === undefined || (value !== undefined && value !== null && value !== row)) return value;
  if (typeof row !== "object" || row === null || !canChange(read().database)) return undefined;
  const changed = changes(rowBefore, row);
  return changed === undefined ? undefined : { row: changed };
}
