// The functions that C calls: one for each invocation, and one for whatever was thrown.

import { engine, isBytes, outputBytes } from "./host.js";
import { RUN, runHandler } from "./handler.js";
import { isPromise } from "./db.js";
import { begin } from "./invocation.js";

/** Runs an exported function; its exit code, or a promise of it. */
export function dispatch(fn, isEvent) {
  begin(isEvent);
  const run = fn[RUN];
  if (run !== undefined) return run();
  // `export default async (ctx) => …`: only a function that takes a parameter can want a context.
  if (fn.length > 0) return runHandler(fn);
  const result = fn();
  return isPromise(result) ? result.then(finishPlain) : finishPlain(result);
}

/** Extism's js-pdk: text and bytes are the output, an object is JSON, a number is the exit code. */
function finishPlain(value) {
  switch (typeof value) {
    case "number":
      return value | 0;
    case "string":
      engine.outputText(value);
      return 0;
    case "object":
      if (value === null) return 0;
      if (isBytes(value)) outputBytes(value);
      else engine.outputJson(value);
      return 0;
    default:
      return 0;
  }
}
