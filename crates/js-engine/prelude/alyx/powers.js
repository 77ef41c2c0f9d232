// log, env, kv, invoke, enqueue and raise: what user code may ask beside SQL. Stateless, so shared by all invocations.

import { ask, run } from "./host.js";
import { FunctionError } from "./errors.js";
import { variable } from "./invocation.js";

function line(level) {
  return (message, fields) => {
    const request = { level, message: loggable(message) };
    if (fields !== undefined) request.fields = fields instanceof Error ? loggable(fields) : withErrors(fields);
    ask("log", request);
  };
}

function loggable(value) {
  if (value instanceof Error) {
    const fields = { name: value.name, message: value.message, ...value };
    if (typeof value.stack === "string") fields.stack = value.stack;
    if (value.cause !== undefined) fields.cause = loggable(value.cause);
    return withBigInts(fields);
  }
  if (value === undefined || typeof value === "function" || typeof value === "symbol") return String(value);
  return withBigInts(value);
}

/** Errors among the fields would be written as {}. */
function withErrors(fields) {
  if (typeof fields !== "object" || fields === null) return loggable(fields);
  for (const name of Object.keys(fields)) {
    if (fields[name] instanceof Error || typeof fields[name] === "bigint") {
      return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, loggable(value)]));
    }
  }
  return fields;
}

function withBigInts(value) {
  return typeof value === "bigint" ? String(value) : value;
}

export const log = Object.freeze({
  trace: line("trace"),
  debug: line("debug"),
  info: line("info"),
  warn: line("warn"),
  error: line("error"),
});

/** `env.NAME` and `env.get("NAME")`; secrets are never listed, so it cannot be enumerated. */
export const env = new Proxy(Object.create(null), {
  get(_, name) {
    if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
    return name === "get" ? variable : variable(name);
  },
  has: (_, name) => typeof name === "string" && variable(name) !== undefined,
  set(_, name) {
    throw new TypeError(`env.${String(name)} cannot be set: fn_set_env and the manifest do that`);
  },
});

const kvCore = {
  get(key) {
    const answer = run("kv_get", { key });
    return answer.exists === false ? undefined : answer.value;
  },
  set(key, value, options) {
    if (value === undefined) throw new TypeError("kv.set: there is no value; kv.delete takes an entry away");
    const request = { key, value };
    if (options?.ttlMs !== undefined) request.ttl_ms = options.ttlMs;
    run("kv_set", request);
  },
  delete(key) {
    return run("kv_delete", { key }).deleted;
  },
  list(options) {
    const request = {};
    if (options?.prefix !== undefined) request.prefix = options.prefix;
    if (options?.after !== undefined) request.after = options.after;
    if (options?.limit !== undefined) request.limit = options.limit;
    const answer = run("kv_list", request);
    return {
      entries: answer.entries.map((entry) => ({ key: entry.key, value: entry.value, expiresAt: entry.expires_at ?? null })),
      more: answer.more,
    };
  },
};

export const syncKv = Object.freeze(kvCore);
export const asyncKv = Object.freeze({
  get: async (key) => kvCore.get(key),
  set: async (key, value, options) => kvCore.set(key, value, options),
  delete: async (key) => kvCore.delete(key),
  list: async (options) => kvCore.list(options),
});

/** Calls another function in this transaction; its result. */
export function invoke(name, input) {
  return run("fn_invoke", input === undefined ? { name } : { name, input }).result;
}

/** Has another function called after commit; the job's id. */
export function enqueue(name, input, options = {}) {
  const request = { name };
  if (input !== undefined) request.input = input;
  const { runAt, delayMs, priority, orderingKey, dedupeKey } = options;
  if (runAt !== undefined) request.run_at = runAt instanceof Date ? runAt.toISOString() : String(runAt);
  if (delayMs !== undefined) request.delay_ms = Math.round(delayMs);
  if (priority !== undefined) request.priority = priority;
  if (orderingKey !== undefined) request.ordering_key = String(orderingKey);
  if (dedupeKey !== undefined) request.dedupe_key = String(dedupeKey);
  return run("fn_enqueue", request).id;
}

/** Ends the function with an error that its caller sees. */
export function raise(error, fields) {
  throw error instanceof Error ? error : new FunctionError(error, fields);
}
