// Filters to SQL conditions: `{ status: "paid", total: { $gt: 10 } }` → `"status" = $1 AND "total" > $2`.
// Names are quoted, values become parameters. NULL behaves as null does in JavaScript: `$ne` and `$nin` find it.

import { bindable, identifier, isRecord } from "./values.js";

/** Appends a value to the statement's parameters; how the text names it. */
export function bind(args, value) {
  args.push(bindable(value));
  return `$${args.length}`;
}

const compare = (operator) => (column, value, args) => `${column} ${operator} ${bind(args, value)}`;

const OPERATORS = {
  $eq: (column, value, args) => (value === null ? `${column} IS NULL` : `${column} = ${bind(args, value)}`),
  $ne: (column, value, args) => (value === null ? `${column} IS NOT NULL` : `${column} IS DISTINCT FROM ${bind(args, value)}`),
  $gt: compare(">"),
  $gte: compare(">="),
  $lt: compare("<"),
  $lte: compare("<="),
  $in: (column, value, args) => oneOf(column, members("$in", value), args),
  $nin: (column, value, args) => `(${oneOf(column, members("$nin", value), args)}) IS NOT TRUE`,
  $like: compare("LIKE"),
  $ilike: compare("ILIKE"),
  $null: (column, value) => {
    if (typeof value !== "boolean") throw new TypeError("$null takes true or false");
    return value ? `${column} IS NULL` : `${column} IS NOT NULL`;
  },
  $not: (column, value, args) => `(${ofColumn(column, value, args)}) IS NOT TRUE`,
};

const GROUPS = {
  $and: (value, args) => group("$and", " AND ", "true", value, args),
  $or: (value, args) => group("$or", " OR ", "false", value, args),
  $not: (value, args) => `(${condition(value, args) || "true"}) IS NOT TRUE`,
};

/** A filter as a condition; empty text when it says nothing. */
export function condition(filter, args) {
  if (filter === undefined || filter === null) return "";
  if (!isRecord(filter)) throw new TypeError("a filter is an object such as { status: \"paid\", total: { $gt: 10 } }");
  let out = "";
  for (const name of Object.keys(filter)) {
    const value = filter[name];
    let one;
    if (name.startsWith("$")) {
      const make = GROUPS[name];
      if (make === undefined) throw unknown(name, Object.keys(GROUPS), "at the top of a filter");
      one = make(value, args);
    } else {
      // Left out it would find every row, which is never what was meant.
      if (value === undefined) throw new TypeError(`the filter's "${name}" is undefined: leave it out, or use null for NULL`);
      one = ofColumn(identifier(name), value, args);
    }
    out += out === "" ? one : ` AND ${one}`;
  }
  return out;
}

function ofColumn(column, value, args) {
  if (!isRecord(value)) return OPERATORS.$eq(column, value, args);
  const names = Object.keys(value);
  const operators = names.filter((name) => name.startsWith("$"));
  // An object without operators is a value: that of a json column.
  if (operators.length === 0) return OPERATORS.$eq(column, value, args);
  if (operators.length < names.length) {
    throw new TypeError(`the filter of ${column} mixes operators with other members: write { $eq: … } for a JSON value`);
  }
  return names
    .map((name) => {
      const make = OPERATORS[name];
      if (make === undefined) throw unknown(name, Object.keys(OPERATORS), `for ${column}`);
      if (value[name] === undefined) throw new TypeError(`the filter's ${column} ${name} is undefined`);
      return make(column, value[name], args);
    })
    .join(" AND ");
}

function members(operator, value) {
  if (!Array.isArray(value)) throw new TypeError(`${operator} takes an array`);
  return value;
}

/**
 * `IN ($1, …)`: unlike `= ANY ($1)` it lets Postgres work out the type of every column, enums and arrays too. The list is
 * filled up to a power of two with its last member, so that lists of any length need few prepared statements.
 */
function oneOf(column, values, args) {
  const present = values.filter((value) => value !== null && value !== undefined);
  const isNull = present.length < values.length ? `${column} IS NULL` : "";
  if (present.length === 0) return isNull || "false";
  let size = 1;
  while (size < present.length) size *= 2;
  if (size > 32768) size = present.length;
  const list = [];
  for (let i = 0; i < size; i++) list.push(bind(args, present[Math.min(i, present.length - 1)]));
  const among = `${column} IN (${list.join(", ")})`;
  return isNull === "" ? among : `(${among} OR ${isNull})`;
}

function group(name, joint, empty, value, args) {
  if (!Array.isArray(value)) throw new TypeError(`${name} takes an array of filters`);
  if (value.length === 0) return empty;
  return `(${value.map((one) => `(${condition(one, args) || "true"})`).join(joint)})`;
}

function unknown(name, known, where) {
  return new TypeError(`unknown operator ${name} ${where}; there are ${known.join(", ")}`);
}

/** `-created_at,name`, or the same as an array → ORDER BY. */
export function orderBy(sort) {
  if (sort === undefined || sort === null) return "";
  const parts = (Array.isArray(sort) ? sort : String(sort).split(",")).map((part) => String(part).trim()).filter((part) => part !== "");
  if (parts.length === 0) return "";
  const terms = parts.map((part) => {
    const isDown = part.startsWith("-");
    return identifier(isDown || part.startsWith("+") ? part.slice(1) : part) + (isDown ? " DESC" : "");
  });
  return ` ORDER BY ${terms.join(", ")}`;
}
