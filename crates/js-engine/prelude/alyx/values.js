// Values and names on their way into SQL: what JSON cannot carry becomes text that Postgres' input functions read.

/** A JavaScript value as the JSON that `db_query` binds. */
export function bindable(value) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      // JSON has no NaN and no infinities, Postgres does.
      return Number.isFinite(value) ? value : String(value);
    case "undefined":
      return null;
    case "bigint":
      return String(value);
    case "object":
      return value === null ? null : bindableObject(value);
    default:
      throw new TypeError(`a ${typeof value} cannot be a value in SQL`);
  }
}

function bindableObject(value) {
  if (Array.isArray(value)) return value.map(bindable);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ArrayBuffer) return toBytea(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) {
    const isBytes = value instanceof Uint8Array || value instanceof DataView || value instanceof Uint8ClampedArray;
    return isBytes ? toBytea(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) : Array.from(value, bindable);
  }
  return value;
}

/** Values of `$1`, `$2`, … */
export function bindAll(params) {
  if (params === undefined) return [];
  if (!Array.isArray(params)) throw new TypeError("the parameters of a statement are an array, one member for each $n");
  for (let i = 0; i < params.length; i++) {
    const type = typeof params[i];
    // Most calls need no copy.
    if (type !== "string" && type !== "boolean" && (type !== "number" || !Number.isFinite(params[i]))) return params.map(bindable);
  }
  return params;
}

const HEX = "0123456789abcdef";

/** bytea's hex form. */
export function toBytea(bytes) {
  if (typeof bytes.toHex === "function") return `\\x${bytes.toHex()}`;
  let out = "\\x";
  for (const byte of bytes) out += HEX[byte >> 4] + HEX[byte & 15];
  return out;
}

/** The bytes of bytea's hex form; anything else as it is. */
export function fromBytea(text) {
  if (typeof text !== "string" || !text.startsWith("\\x")) return text;
  const bytes = new Uint8Array((text.length - 2) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i + 2, 2 * i + 4), 16);
  return bytes;
}

/** A name, always quoted: it may come from anywhere and is never read as SQL. */
export function identifier(name) {
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new TypeError(`a name of a table or column is text, not ${name === "" ? "empty" : typeof name === "string" ? "with a NUL" : typeof name}`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether something is an object to look into, not a value like a date or bytes. */
export function isRecord(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}
