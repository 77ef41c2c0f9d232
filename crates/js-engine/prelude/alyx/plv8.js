// plv8's object, for functions that were written for it. Everything is synchronous, as there.

import { statement, syncDb, transaction } from "./db.js";
import { log } from "./powers.js";
import { castParameters, quoteIdent, quoteLiteral, quoteNullable } from "./plv8_text.js";

/** Levels of plv8.elog, in plv8's numbers; also global constants. */
export const levels = Object.freeze({
  DEBUG5: 10, DEBUG4: 11, DEBUG3: 12, DEBUG2: 13, DEBUG1: 14, LOG: 15, INFO: 17, NOTICE: 18, WARNING: 19, ERROR: 21,
});

/** Rows of the set-returning function that runs. */
let rows = [];

export function startSet() {
  rows = [];
}

export function takeSet() {
  const taken = rows;
  rows = [];
  return taken;
}

/** Rows of a statement that returns rows, else the number of rows that it changed. */
export function execute(sql, ...rest) {
  const params = rest.length === 1 && (Array.isArray(rest[0]) || rest[0] === undefined) ? rest[0] : rest;
  const answer = statement(sql, params);
  return answer.columns.length === 0 ? answer.row_count : answer.rows;
}

let cursors = 0;

class Cursor {
  // The cursor lives as long as the transaction, this instance perhaps for one call: a number would come again.
  #name = `"alyx cursor ${++cursors} ${Math.random().toString(36).slice(2)}"`;
  constructor(sql, params) {
    statement(`DECLARE ${this.#name} NO SCROLL CURSOR FOR ${sql}`, params);
  }
  /** The next row, or undefined after the last; with a number, an array of up to so many rows. */
  fetch(count) {
    if (count !== undefined && (!Number.isSafeInteger(count) || count < 1)) throw new RangeError("cursor.fetch takes a number from 1 up");
    const fetched = statement(`FETCH ${count ?? 1} FROM ${this.#name}`).rows;
    if (count === undefined) return fetched[0];
    return fetched.length === 0 ? undefined : fetched;
  }
  move(count = 1) {
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError("cursor.move takes a number from 0 up");
    // MOVE does not say how far it got.
    return count === 0 ? 0 : statement(`FETCH ${count} FROM ${this.#name}`).row_count;
  }
  close() {
    statement(`CLOSE ${this.#name}`);
  }
}

class Plan {
  #sql;
  constructor(sql, types) {
    this.#sql = types === undefined ? sql : castParameters(sql, types);
  }
  execute(...args) { return execute(this.#open(), ...args); }
  cursor(...args) { return new Cursor(this.#open(), Array.isArray(args[0]) ? args[0] : args); }
  /** The server keeps plans by their text and gives them up itself. */
  free() { this.#sql = null; }
  #open() {
    if (this.#sql === null) throw new Error("the plan was freed");
    return this.#sql;
  }
}

function elog(level, ...messages) {
  const text = messages.map((one) => (typeof one === "string" ? one : typeof one === "object" ? JSON.stringify(one) : String(one))).join(" ");
  if (level === levels.ERROR) throw new Error(text);
  if (typeof level !== "number" || !Object.values(levels).includes(level)) {
    throw new RangeError(`plv8.elog: the level is one of ${Object.keys(levels).join(", ")}`);
  }
  if (level < levels.LOG) log.debug(text);
  else if (level === levels.WARNING) log.warn(text);
  else log.info(text);
}

const FIND = `SELECT p.oid::pg_catalog.regproc::pg_catalog.text AS name, p.proretset AS is_set,
  ARRAY(SELECT pg_catalog.format_type(t, NULL) FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a(t, n) ORDER BY n) AS types
FROM pg_catalog.pg_proc AS p WHERE p.oid = `;

/** A function of the database, of any language, as a JavaScript function; by name or `name(types)`. */
function findFunction(name) {
  const [found] = statement(`${FIND}$1::${String(name).includes("(") ? "pg_catalog.regprocedure" : "pg_catalog.regproc"}`, [String(name)]).rows;
  if (found === undefined) throw new Error(`function ${name} does not exist`);
  return (...args) => {
    const list = args.map((_, i) => (found.types[i] === undefined ? `$${i + 1}` : `$${i + 1}::${found.types[i]}`)).join(", ");
    if (found.is_set) return statement(`SELECT r FROM ${found.name}(${list}) AS r`, args).rows.map((row) => row.r);
    return statement(`SELECT ${found.name}(${list}) AS r`, args).rows[0].r;
  };
}

function absent(name, why) {
  return () => {
    throw new Error(`plv8.${name} is not available: ${why}`);
  };
}

export const plv8 = Object.freeze({
  version: "alyx_functions",
  execute,
  prepare: (sql, types) => new Plan(sql, types),
  elog,
  return_next: (row) => { rows.push(row); },
  subtransaction: (work) => transaction(syncDb, work),
  find_function: findFunction,
  quote_literal: quoteLiteral,
  quote_nullable: quoteNullable,
  quote_ident: quoteIdent,
  get_window_object: absent("get_window_object", "window functions cannot be written in LANGUAGE javascript; use SQL's own, or aggregate in a query"),
  commit: absent("commit", "a function runs inside its caller's transaction"),
  rollback: absent("rollback", "a function runs inside its caller's transaction; plv8.subtransaction undoes a part of it"),
  memory_usage: absent("memory_usage", "see peak_memory_bytes in alyx.stats"),
});
