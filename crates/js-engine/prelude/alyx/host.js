// The one way from the prelude to the host: the engine object that C lends, and requests that throw what the host answers
// as a failure. Knows nothing of what the requests mean.

import { DatabaseError } from "./errors.js";

/** What C gives the prelude: input, output, `call`, `errorSet`, … Set once, before the snapshot is taken. */
export let engine;

export function lend(lent) {
  engine = lent;
}

/**
 * The failure that the host still remembers with every field that Postgres set: that of the last statement, when it
 * failed. If it ends the invocation the host raises its own copy, so it must not be described again.
 */
let remembered = null;

export function isRemembered(error) {
  return remembered !== null && error === remembered;
}

export function forget() {
  remembered = null;
}

/** A request whose failure the host does not remember: env, context, log. */
export function ask(name, request) {
  const answer = engine.call(name, request) ?? {};
  if (answer.error !== undefined) throw new DatabaseError(answer.error);
  return answer;
}

/** A request that runs SQL or another function. */
export function run(name, request) {
  const answer = engine.call(name, request) ?? {};
  if (answer.error === undefined) {
    remembered = null;
    return answer;
  }
  const error = new DatabaseError(answer.error);
  if (request.sql !== undefined) error.query = request.sql;
  remembered = error;
  throw error;
}

export function isBytes(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

/** Output as it is; what a view shows of its buffer, whatever its elements are. */
export function outputBytes(value) {
  engine.outputBytes(ArrayBuffer.isView(value) && !(value instanceof Uint8Array) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value);
}
