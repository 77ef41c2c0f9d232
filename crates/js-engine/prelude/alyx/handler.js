// `handler(fn)`: an export that gets a context and whose result becomes the outcome. The hot path of every function.

import { engine, isBytes, outputBytes } from "./host.js";
import { Context } from "./context.js";
import { isPromise } from "./db.js";
import { hasEvent, outcome } from "./invocation.js";

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
  const result = fn(new Context());
  return isPromise(result) ? result.then(finish) : finish(result);
}

/** Writes the outcome; the exit code, or a promise of it. */
function finish(value) {
  const settled = outcome(value);
  // An event without an outcome needs no output at all.
  if (settled === undefined) return 0;
  return output(settled);
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
