// The error classes that user code sees.

const FIELDS = ["code", "detail", "hint", "schema", "table", "column", "datatype", "constraint", "position"];

function keep(error, fields) {
  for (const name of FIELDS) {
    if (fields[name] !== undefined && fields[name] !== null) error[name] = fields[name];
  }
}

/** What the host answered instead of a result: `code` is the SQLSTATE, the other fields are Postgres' own. */
export class DatabaseError extends Error {
  constructor(fields) {
    super(String(fields.message ?? "unknown error"));
    keep(this, fields);
  }
}

/** An error in the words of the function: what `ctx.raise` throws. */
export class FunctionError extends Error {
  constructor(fields, more) {
    const said = typeof fields === "string" ? { ...more, message: fields } : { ...fields };
    super(String(said.message ?? "the function raised an error without a message"));
    for (const name of Object.keys(said)) {
      if (name !== "message" && name !== "stack" && said[name] !== undefined) this[name] = said[name];
    }
  }
}

/** An error that an HTTP client should see as this status. Its SQLSTATE is PostgREST's: PT404 and so on. */
export class HttpError extends Error {
  constructor(status, message, fields) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(`an HttpError has a status from 400 to 599, not ${String(status)}`);
    }
    super(message === undefined ? `HTTP ${status}` : String(message));
    this.code = `PT${status}`;
    for (const name of Object.keys(fields ?? {})) if (name !== "message") this[name] = fields[name];
    Object.defineProperty(this, "status", { value: status, enumerable: false });
  }
}

for (const type of [DatabaseError, FunctionError, HttpError]) {
  Object.defineProperty(type.prototype, "name", { value: type.name, writable: true, configurable: true, enumerable: false });
}
