// `handler(fn)`: an export that gets a context and whose result becomes the outcome. The hot path of every function.

import { engine, isBytes, outputBytes } from "./host.js";
import { Context, STATE } from "./context.js";
import { isPromise } from "./db.js";
import { event, hasEvent } from "./invocation.js";
import { canChange, changes } from "./row.js";

/** The member of an exported function that runs it; see dispatch.js. */
export const RUN = Symbol("alyx.run");

export function handler(fn) {
  if (typeof fn !== "function") throw new TypeError("handler() takes the function to run: export default handler(async (ctx) => { … })");
  // Called directly, as a unit test does, it is just the function.
  const exported = (ctx) => fn(ctx);
  Object.defineProperty(exported, RUN, { value: () => runHandler(fn) });
  return exported;
}

export function runHandler(fn) {
  const ctx = new Context();
  const result = fn(ctx);
  return isPromise(result) ? result.then((value) => finish(ctx, value)) : finish(ctx, result);
}

/** Writes the outcome; the exit code, or a promise of it. */
function finish(ctx, value) {
  const state = ctx[STATE];
  if (state !== undefined) {
    if (state.hasOutput) return 0;
    if (state.isSkipped) return output({ skip: true });
    if (state.hasRow && (value === undefined || value === null || value === state.row)) return outputRow(state.row);
  }
  // An event without an outcome needs no output at all.
  if (value === undefined) return hasEvent() ? 0 : output(null);
  return output(value);
}

function outputRow(row) {
  const database = event().database;
  if (database === undefined || row === undefined || row === null || !canChange(database)) return 0;
  const changed = changes(database.new ?? {}, row);
  return changed === undefined ? 0 : output({ row: changed });
}

function output(value) {
  if (typeof value === "object" && value !== null) {
    if (isBytes(value)) {
      outputBytes(value);
      return 0;
    }
    if (globalThis.Response !== undefined && value instanceof globalThis.Response) return outputResponse(value);
  }
  engine.outputJson(typeof value === "function" || typeof value === "symbol" ? null : value);
  return 0;
}

/** A `Response` as the outcome of an HTTP request. */
async function outputResponse(response) {
  const body = await response.text();
  engine.outputJson({ status: response.status, headers: Object.fromEntries(response.headers), body });
  return 0;
}
