// From anything thrown to the error that the function's caller sees. Called by C with whatever left the guest's code.

import { engine, isRemembered } from "./host.js";
import { DatabaseError } from "./errors.js";

/** Longest text of frames that is passed on, in characters. */
const STACK_LIMIT = 8192;
/** Causes that are followed: a cause may be its own cause. */
const CAUSES = 8;
/** Members with a place of their own in Postgres' error, or with a meaning for jobs. */
const PLACED = new Set([
  "message", "stack", "name", "cause", "code", "sqlstate", "detail", "hint", "field", "column", "constraint", "schema",
  "table", "datatype", "nonRetryable", "non_retryable", "retryAfterMs", "retry_after_ms", "query", "position",
]);
const BUILT_IN = new Set(["TypeError", "ReferenceError", "RangeError", "SyntaxError", "EvalError", "URIError", "InternalError"]);

/** Whether the host lets a function raise this code: five of 0-9A-Z, but not success, warning, no data or internal. */
export function isSqlState(code) {
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^(00|01|02|XX)/.test(code);
}

/** The request of `raise` for something that was thrown, without its stack. */
export function describe(thrown) {
  if (thrown === null || (typeof thrown !== "object" && typeof thrown !== "function")) {
    const isText = typeof thrown === "string" && thrown !== "";
    return { sqlstate: "38000", message: isText ? thrown : `${show(thrown)} was thrown, which is not an error` };
  }
  const code = thrown.sqlstate ?? thrown.code;
  const failure = { sqlstate: isSqlState(code) ? code : "38000", message: messageOf(thrown) };
  const detail = detailOf(thrown, failure.sqlstate === code);
  if (detail !== undefined) failure.detail = detail;
  for (const name of ["hint", "constraint", "schema", "table", "datatype"]) {
    if (thrown[name] !== undefined && thrown[name] !== null) failure[name] = text(thrown[name]);
  }
  const column = thrown.field ?? thrown.column;
  if (column !== undefined && column !== null) failure.column = text(column);
  if (thrown.nonRetryable === true || thrown.non_retryable === true) failure.non_retryable = true;
  const after = thrown.retryAfterMs ?? thrown.retry_after_ms;
  if (typeof after === "number" && after >= 0) failure.retry_after_ms = Math.round(after);
  return failure;
}

/** Settles an invocation, or an initialisation, that threw; its exit code. */
export function fail(thrown) {
  let failure;
  let stack = "";
  try {
    failure = describe(thrown);
    stack = stackOf(thrown);
  } catch {
    // A thrown proxy, or a getter that throws: what it says cannot be had, that it failed can.
    failure = { sqlstate: "38000", message: "the function threw a value that cannot be read" };
  }
  if (!engine.initialising() && !isRemembered(thrown)) {
    try {
      engine.call("raise", stack === "" ? failure : { ...failure, stack });
    } catch {
      // A host that is not ours has no such function; it gets the text below.
    }
  }
  engine.errorSet(stack === "" ? failure.message : `${failure.message}\n${stack}`);
  return 1;
}

/** Frames of what was thrown and of its causes, one a line. */
export function stackOf(thrown) {
  let out = frames(thrown);
  let cause = thrown?.cause;
  for (let depth = 0; cause !== undefined && cause !== null && depth < CAUSES; depth++) {
    const said = typeof cause === "object" ? `${cause.name ?? "Error"}: ${messageOf(cause)}` : show(cause);
    out += `${out === "" ? "" : "\n"}Caused by: ${said}`;
    const below = frames(cause);
    if (below !== "") out += `\n${below}`;
    cause = cause.cause;
  }
  return out.slice(0, STACK_LIMIT);
}

/** Only the function's own frames: the engine's are no help to its author. */
function frames(thrown) {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  if (typeof stack !== "string") return "";
  return stack
    .split("\n")
    .filter((line) => /^\s*at /.test(line) && !/\((?:alyx:prelude|native)[:)]/.test(line))
    .map((line) => line.trimEnd())
    .join("\n");
}

function messageOf(thrown) {
  const message = thrown.message;
  if (typeof message === "string" && message !== "") {
    return thrown instanceof Error && BUILT_IN.has(thrown.name) ? `${thrown.name}: ${message}` : message;
  }
  if (thrown instanceof Error) return `${thrown.name || "Error"} without a message`;
  if (thrown instanceof Promise) return "a promise was thrown, which is not an error: await it first";
  const described = show(thrown);
  return described === "{}" && typeof thrown.code === "string" ? thrown.code : described;
}

/**
 * DETAIL: what Postgres or the author said, and as JSON whatever else the error carries, so that a client can tell one
 * refusal from another.
 */
function detailOf(thrown, hasSqlState) {
  const more = {};
  if (!hasSqlState && thrown.code !== undefined && thrown.code !== null) more.code = thrown.code;
  if (thrown.field !== undefined && thrown.field !== null) more.field = thrown.field;
  if (!(thrown instanceof DatabaseError)) {
    for (const name of Object.keys(thrown)) if (!PLACED.has(name) && typeof thrown[name] !== "function") more[name] = thrown[name];
  }
  const detail = thrown.detail;
  const isSaid = detail !== undefined && detail !== null;
  if (Object.keys(more).length === 0) return isSaid ? text(detail) : undefined;
  try {
    return JSON.stringify(isSaid ? { ...more, detail } : more, (_, value) => (typeof value === "bigint" ? String(value) : value));
  } catch {
    return isSaid ? text(detail) : undefined;
  }
}

function text(value) {
  return typeof value === "string" ? value : show(value);
}

function show(value) {
  if (value === undefined || typeof value === "symbol" || typeof value === "bigint" || typeof value === "function") return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
