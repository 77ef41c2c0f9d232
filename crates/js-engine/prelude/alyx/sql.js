// LANGUAGE javascript: `sql(spec, fn)` calls a function body with SQL arguments, or with plv8's trigger variables, and
// writes what it returns in the form that its SQL type takes.

import { engine, isBytes, outputBytes } from "./host.js";
import { RUN } from "./handler.js";
import { isPromise } from "./db.js";
import { event } from "./invocation.js";
import { execute, startSet, takeSet } from "./plv8.js";
import { canChange, changes, remember } from "./row.js";
import { bindable, fromBytea } from "./values.js";

export function sql(spec, fn) {
  const run = KINDS[spec.kind];
  if (run === undefined) throw new TypeError(`unknown kind of SQL function ${JSON.stringify(spec.kind)}`);
  const exported = (...args) => fn(...args);
  const relid = spec.relid ? relationId : () => undefined;
  const prepared = { fn, relid, write: WRITERS[spec.returns] ?? WRITERS.value, isSet: spec.returns === "set", bytes: byteArguments(spec.types) };
  Object.defineProperty(exported, RUN, { value: () => run(prepared) });
  return exported;
}

/** Positions of bytea arguments, or null. */
function byteArguments(types) {
  const found = (types ?? []).flatMap((type, i) => (type === "bytea" ? [i] : []));
  return found.length === 0 ? null : found;
}

const KINDS = {
  call(prepared) {
    const args = readArguments();
    if (prepared.bytes !== null) for (const i of prepared.bytes) args[i] = fromBytea(args[i]);
    if (prepared.isSet) startSet();
    const result = apply(prepared.fn, args);
    return isPromise(result) ? result.then(prepared.write) : prepared.write(result);
  },
  trigger(prepared) {
    const { database } = event();
    const row = database.new ?? undefined;
    const before = row === undefined || !canChange(database) ? undefined : remember(row);
    const result = prepared.fn(
      row, database.old ?? undefined, database.op, database.trigger, database.timing, database.level, prepared.relid(database),
      database.table, database.schema, database.args ?? [], database.new_rows, database.old_rows,
    );
    return isPromise(result) ? result.then((value) => outcome(database, row, before, value)) : outcome(database, row, before, result);
  },
  event_trigger(prepared) {
    const { database } = event();
    const result = prepared.fn(database.event, database.tag, database);
    return isPromise(result) ? result.then(() => 0) : 0;
  },
};

/** plv8's TG_RELID, for bodies that name it: events carry names. */
function relationId({ schema, table }) {
  return execute("SELECT pg_catalog.format('%I.%I', $1::text, $2::text)::pg_catalog.regclass::pg_catalog.oid::bigint AS id", [schema, table])[0].id;
}

function readArguments() {
  return engine.inputJson() ?? [];
}

/** `fn(...args)`, which is slow for what most functions have. */
function apply(fn, args) {
  switch (args.length) {
    case 0: return fn();
    case 1: return fn(args[0]);
    case 2: return fn(args[0], args[1]);
    case 3: return fn(args[0], args[1], args[2]);
    default: return fn(...args);
  }
}

/** plv8's rule: null drops the row, nothing keeps NEW as it was left, an object is the row. */
function outcome(database, row, before, value) {
  if (!canChange(database)) return 0;
  if (value === null) {
    engine.outputJson({ skip: true });
    return 0;
  }
  // What is returned from a DELETE only says that it may go on.
  if (database.op === "DELETE") return 0;
  const result = value === undefined ? row : value;
  if (typeof result !== "object" || Array.isArray(result)) {
    throw new TypeError(`a trigger function returns a row, null or nothing, not ${Array.isArray(result) ? "an array" : `a ${typeof result}`}`);
  }
  const changed = changes(before, result);
  if (changed !== undefined) engine.outputJson({ row: changed });
  return 0;
}

const WRITERS = {
  void: () => 0,
  text(value) {
    if (value !== undefined && value !== null) engine.outputText(String(value));
    return 0;
  },
  json(value) {
    if (value !== undefined && value !== null) engine.outputJson(value);
    return 0;
  },
  bytea(value) {
    if (value === undefined || value === null) return 0;
    if (typeof value === "string") engine.outputText(value);
    else if (isBytes(value)) outputBytes(value);
    else throw new TypeError("a function that returns bytea returns a Uint8Array, an ArrayBuffer or text");
    return 0;
  },
  value(value) {
    if (value !== undefined && value !== null) engine.outputJson(field(value));
    return 0;
  },
  set(value) {
    const rows = takeSet();
    if (Array.isArray(value)) rows.push(...value);
    else if (value !== undefined && value !== null) rows.push(value);
    engine.outputJson(rows.map(field));
    return 0;
  },
};

/** A value of any SQL type: as it is bound, and so the fields of a row. */
function field(value) {
  const sent = bindable(value);
  if (typeof sent !== "object" || sent === null || Array.isArray(sent)) return sent;
  for (const name of Object.keys(sent)) {
    const member = sent[name];
    if (typeof member === "bigint" || (typeof member === "object" && member !== null && bindable(member) !== member)) {
      return Object.fromEntries(Object.entries(sent).map(([key, one]) => [key, one === undefined ? null : bindable(one)]));
    }
  }
  return sent;
}
