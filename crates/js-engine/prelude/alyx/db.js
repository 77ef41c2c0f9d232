// SQL for user code: the same core as promises (ctx.db) and as plain values (LANGUAGE javascript).

import { forget, run } from "./host.js";
import { bindAll } from "./values.js";
import * as table from "./table.js";

/** Rows of a statement, with the names of its columns and the number of rows that it returned or changed. */
export function query(sql, params, options) {
  const answer = statement(sql, params, options);
  const rows = answer.rows;
  Object.defineProperty(rows, "columns", { value: answer.columns });
  Object.defineProperty(rows, "rowCount", { value: answer.row_count });
  return rows;
}

/** The number of rows that a statement returned or changed. */
export function exec(sql, params, options) {
  return statement(sql, params, options).row_count;
}

export function statement(sql, params, options) {
  if (typeof sql !== "string") throw new TypeError("a statement is text, with $1, $2, … for its values");
  const request = { sql, params: bindAll(params) };
  if (options?.catch === false) request.catch = false;
  return run("db_query", request);
}

/** Texts of tagged templates: the array of their pieces is the same object at each evaluation. */
const texts = new WeakMap();

function template(pieces, values) {
  if (!Array.isArray(pieces) || pieces.raw === undefined) {
    throw new TypeError("sql is a tag: db.sql`SELECT … ${value}`; for text there is db.query");
  }
  let sql = texts.get(pieces);
  if (sql === undefined) {
    sql = pieces[0];
    for (let i = 1; i < pieces.length; i++) sql += `$${i}${pieces[i]}`;
    texts.set(pieces, sql);
  }
  return query(sql, values);
}

/** Several statements, all or none: texts, `[sql, params]` or `{ sql, params }`. */
function batch(statements) {
  if (!Array.isArray(statements)) throw new TypeError("a batch is an array of statements");
  const asked = statements.map((one) => {
    const [sql, params] = typeof one === "string" ? [one] : Array.isArray(one) ? one : [one?.sql, one?.params];
    if (typeof sql !== "string") throw new TypeError("a statement of a batch is text, [sql, params] or { sql, params }");
    return { sql, params: bindAll(params) };
  });
  return run("db_batch", { statements: asked }).results.map((answer) => {
    Object.defineProperty(answer.rows, "columns", { value: answer.columns });
    Object.defineProperty(answer.rows, "rowCount", { value: answer.row_count });
    return answer.rows;
  });
}

/** Transactions that are open, the innermost last. */
const open = [];

export function forgetTransactions() {
  if (open.length > 0) open.length = 0;
}

/** Runs `work` so that all its SQL is undone when it throws, or its promise is rejected. */
export function transaction(db, work) {
  if (typeof work !== "function") throw new TypeError("transaction takes the function to run: db.transaction(async (tx) => { … })");
  run("db_savepoint", {});
  const mine = {};
  open.push(mine);
  let result;
  try {
    result = work(db);
  } catch (error) {
    close(mine, "db_rollback");
    throw error;
  }
  if (!isPromise(result)) {
    close(mine, "db_release");
    return result;
  }
  return result.then(
    (value) => {
      close(mine, "db_release");
      return value;
    },
    (error) => {
      close(mine, "db_rollback");
      throw error;
    },
  );
}

function close(mine, how) {
  if (open[open.length - 1] !== mine) {
    throw new Error("transactions overlap: one that was begun later is still open. Await each one before the next (no Promise.all)");
  }
  open.pop();
  run(how, {});
  // What was undone may be what failed: the host's memory of it need not outlive that.
  if (how === "db_rollback") forget();
}

export function isPromise(value) {
  return typeof value === "object" && value !== null && typeof value.then === "function";
}

class Table {
  #table;
  constructor(name, options) {
    this.#table = table.describeTable(name, options);
  }
  list(options) { return table.list(this.#table, options); }
  count(filter) { return table.count(this.#table, filter); }
  get(which, options) { return table.get(this.#table, which, options); }
  create(values, options) { return table.create(this.#table, values, options); }
  update(which, patch, options) { return table.update(this.#table, which, patch, options); }
  delete(which, options) { return table.remove(this.#table, which, options); }
}

class AsyncTable {
  #table;
  constructor(name, options) {
    this.#table = table.describeTable(name, options);
  }
  async list(options) { return table.list(this.#table, options); }
  async count(filter) { return table.count(this.#table, filter); }
  async get(which, options) { return table.get(this.#table, which, options); }
  async create(values, options) { return table.create(this.#table, values, options); }
  async update(which, patch, options) { return table.update(this.#table, which, patch, options); }
  async delete(which, options) { return table.remove(this.#table, which, options); }
}

/** `db.posts` is the table of that name; every name that is not one of `methods` is a table. */
function withTables(Type, methods) {
  const tables = new Map();
  return new Proxy(Object.assign(Object.create(null), methods), {
    get(target, name) {
      if (name in target) return target[name];
      // A database is no promise, and is asked whether it is one each time it is returned by an async function.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      let found = tables.get(name);
      if (found === undefined) {
        found = new Type(name);
        tables.set(name, found);
      }
      return found;
    },
    set(_, name) {
      throw new TypeError(`db.${String(name)} cannot be set`);
    },
  });
}

/** For LANGUAGE javascript: every call returns its result. */
export const syncDb = withTables(Table, {
  query,
  exec,
  batch,
  sql: (pieces, ...values) => template(pieces, values),
  transaction: (work) => transaction(syncDb, work),
  table: (name, options) => new Table(name, options),
});

/** For handlers: every call returns a promise, and throws only through it. */
export const asyncDb = withTables(AsyncTable, {
  query: async (sql, params, options) => query(sql, params, options),
  exec: async (sql, params, options) => exec(sql, params, options),
  batch: async (statements) => batch(statements),
  sql: async (pieces, ...values) => template(pieces, values),
  transaction: async (work) => transaction(asyncDb, work),
  table: (name, options) => new AsyncTable(name, options),
});

