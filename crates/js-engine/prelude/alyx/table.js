// list, get, create, update and delete of one table: what SQL each call becomes. Synchronous; db.js makes promises of it.

import { run } from "./host.js";
import { bind, condition, orderBy } from "./filter.js";
import { identifier, isRecord } from "./values.js";

const LOCKS = { update: "UPDATE", "no key update": "NO KEY UPDATE", share: "SHARE", "key share": "KEY SHARE" };
const WAITS = { nowait: " NOWAIT", "skip locked": " SKIP LOCKED" };

/** A table as statements name it: `schema.name` or `name`, and the columns of its primary key. */
export function describeTable(name, options) {
  if (typeof name !== "string" || name === "") throw new TypeError("a table's name is text: \"orders\" or \"shop.orders\"");
  const parts = name.split(".");
  if (parts.length > 2) throw new TypeError(`"${name}" is no name of a table: write "schema.name" or "name"`);
  known("table", options, ["key"]);
  const key = options?.key ?? "id";
  return { name, sql: parts.map(identifier).join("."), key: identifier(key) };
}

/** Rows that a filter finds, and how many there are without `limit` and `offset`. */
export function list(table, options = {}) {
  known("list", options, ["filter", "sort", "limit", "offset", "select", "lock", "wait", "total"]);
  const args = [];
  const where = whereOf(options.filter, args);
  const { limit, offset = 0 } = options;
  let sql = `SELECT ${columnsOf(options.select)} FROM ${table.sql}${where}${orderBy(options.sort)}`;
  if (limit !== undefined && limit !== null) sql += ` LIMIT ${bind(args, whole("limit", limit))}`;
  if (offset !== 0) sql += ` OFFSET ${bind(args, whole("offset", offset))}`;
  const docs = query(sql + lockOf(options), args).rows;
  if (options.total === false) return { docs };
  // The last page tells the total by itself.
  const isLast = (docs.length > 0 || offset === 0) && !(docs.length >= limit);
  if (isLast) return { docs, total: offset + docs.length };
  return { docs, total: count(table, options.filter) };
}

/** How many rows a filter finds. */
export function count(table, filter) {
  const args = [];
  return query(`SELECT count(*) AS total FROM ${table.sql}${whereOf(filter, args)}`, args).rows[0].total;
}

/** The row of a key, or the first that a filter finds; null when there is none. */
export function get(table, which, options = {}) {
  known("get", options, ["select", "sort", "lock", "wait"]);
  const args = [];
  const where = whichOf(table, which, args, "get", true);
  const sql = `SELECT ${columnsOf(options.select)} FROM ${table.sql}${where}${orderBy(options.sort)} LIMIT 1${lockOf(options)}`;
  return query(sql, args).rows[0] ?? null;
}

/** Inserts a row, or an array of rows in one statement; the rows as they are stored. */
export function create(table, values, options = {}) {
  known("create", options, ["returning"]);
  const isMany = Array.isArray(values);
  const rows = isMany ? values : [values];
  if (isMany && rows.length === 0) return [];
  const names = new Set();
  for (const row of rows) {
    if (!isRecord(row)) throw new TypeError(`create of "${table.name}" takes an object of columns and values, or an array of them`);
    for (const name of Object.keys(row)) if (row[name] !== undefined) names.add(name);
  }
  const columns = [...names];
  const args = [];
  let sql = `INSERT INTO ${table.sql}`;
  if (columns.length === 0) {
    if (isMany && rows.length > 1) throw new TypeError(`create of "${table.name}": rows without any column can only be made one by one`);
    sql += " DEFAULT VALUES";
  } else {
    const tuple = (row) => `(${columns.map((name) => (row[name] === undefined ? "DEFAULT" : bind(args, row[name]))).join(", ")})`;
    sql += ` (${columns.map(identifier).join(", ")}) VALUES ${rows.map(tuple).join(", ")}`;
  }
  const answer = query(sql + returningOf(options.returning, true), args);
  if (options.returning === false) return answer.row_count;
  return isMany ? answer.rows : (answer.rows[0] ?? null);
}

/** Sets columns of a key's row, or of all that a filter finds; the changed rows. */
export function update(table, which, patch, options = {}) {
  known("update", options, ["returning", "all"]);
  if (!isRecord(patch)) throw new TypeError(`update of "${table.name}" takes an object of the columns to set`);
  const args = [];
  const sets = Object.keys(patch)
    .filter((name) => patch[name] !== undefined)
    .map((name) => `${identifier(name)} = ${bind(args, patch[name])}`);
  if (sets.length === 0) throw new TypeError(`update of "${table.name}": there is no column to set`);
  const where = whichOf(table, which, args, "update", options.all === true);
  const answer = query(`UPDATE ${table.sql} SET ${sets.join(", ")}${where}${returningOf(options.returning, true)}`, args);
  return options.returning === false ? answer.row_count : answer.rows;
}

/** Deletes a key's row, or all that a filter finds; how many, or the rows with `returning`. */
export function remove(table, which, options = {}) {
  known("delete", options, ["returning", "all"]);
  const args = [];
  const where = whichOf(table, which, args, "delete", options.all === true);
  const returning = returningOf(options.returning, false);
  const answer = query(`DELETE FROM ${table.sql}${where}${returning}`, args);
  return returning === "" ? answer.row_count : answer.rows;
}

function query(sql, params) {
  return run("db_query", { sql, params });
}

function whereOf(filter, args) {
  const text = condition(filter, args);
  return text === "" ? "" : ` WHERE ${text}`;
}

/** The WHERE of a key's value or a filter; without a condition only where `isAll` lets it. */
function whichOf(table, which, args, call, isAll) {
  if (!isRecord(which)) {
    if (which === undefined || which === null || Array.isArray(which)) {
      throw new TypeError(`${call} of "${table.name}" needs the value of ${table.key} or a filter, not ${Array.isArray(which) ? "an array" : which}`);
    }
    return ` WHERE ${table.key} = ${bind(args, which)}`;
  }
  const where = whereOf(which, args);
  if (where === "" && !isAll) {
    throw new TypeError(`${call} of "${table.name}" without a condition means every row: say so with { all: true }`);
  }
  return where;
}

function columnsOf(select) {
  if (select === undefined) return "*";
  const names = Array.isArray(select) ? select : String(select).split(",").map((name) => name.trim());
  return names.map(identifier).join(", ");
}

function returningOf(returning, isUsual) {
  const wanted = returning ?? isUsual;
  if (wanted === false) return "";
  return ` RETURNING ${columnsOf(wanted === true ? undefined : wanted)}`;
}

function lockOf({ lock, wait }) {
  if (lock === undefined) {
    if (wait !== undefined) throw new TypeError("wait says what to do about locked rows: it needs lock");
    return "";
  }
  return ` FOR ${choice("lock", lock, LOCKS)}${wait === undefined ? "" : choice("wait", wait, WAITS)}`;
}

function choice(name, value, choices) {
  if (!Object.hasOwn(choices, value)) {
    throw new TypeError(`${name} is one of ${Object.keys(choices).map((one) => `"${one}"`).join(", ")}, not ${JSON.stringify(value)}`);
  }
  return choices[value];
}

function whole(name, value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} is a whole number from 0 up, not ${String(value)}`);
  return value;
}

/** A misspelt option that is ignored would find or change other rows than were meant. */
function known(call, options, names) {
  if (options === undefined || options === null) return;
  if (!isRecord(options)) throw new TypeError(`the options of ${call} are an object`);
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new TypeError(`${call} has no option "${name}"; there are ${names.join(", ")}`);
  }
}
