// Types of @alyx/functions. What each call does in the database: docs/typescript.md and docs/reference.md.

export type { Config, DatabaseHook, Hook, HttpHook, ScheduleHook, WebhookHook } from "./types/config.js";
export type {
  AnyRow, Condition, CreateOptions, Db, DeleteOptions, Filter, GetOptions, ListOptions, ListResult, Operators,
  QueryOptions, Rows, Sort, Statement, Table, UpdateOptions,
} from "./types/db.js";
import type { AnyRow, Db } from "./types/db.js";

/**
 * The tables that `ctx.db.<table>` knows. `alyx types` writes them down for your database; without it every table may have
 * any columns.
 *
 * @example
 * declare module "@alyx/functions" {
 *   interface Database { posts: { id: number; title: string; slug: string | null } }
 * }
 */
export interface Database {}

/** A JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * Makes an exported function of one that takes a context.
 *
 * What it returns, or resolves to, is the result: any JSON value; in a `BEFORE` row trigger `ctx.row`, nothing, or an outcome (`{ row: {…} }`, `{ skip: true }`); for an
 * HTTP request a `Response`, `{ status, headers, body }` or any JSON. Bytes are passed on as they are.
 *
 * @example
 * export default handler(async (ctx) => {
 *   const post = await ctx.db.posts.create({ title: ctx.input.title, author_id: ctx.auth.id });
 *   return { id: post.id };
 * });
 */
export function handler<Input = any, Result = unknown, Row extends object = AnyRow>(
  run: Handler<Input, Result, Row>,
): (ctx: Context<Input, Row>) => Result | Promise<Result>;

export type Handler<Input = any, Result = unknown, Row extends object = AnyRow> = (
  ctx: Context<Input, Row>,
) => Result | Promise<Result>;

/** Everything a handler is given. Each part is read when it is first used. */
export interface Context<Input = any, Row extends object = AnyRow> {
  /** What the caller passed: the JSON of a call or a job, a request's body. Null in triggers. */
  readonly input: Input;
  /** The input as text, also where it is no JSON. */
  readonly text: string;
  /** The input as bytes. */
  readonly bytes: Uint8Array;

  /** Who calls: the role, and the claims of PostgREST's `request.jwt.claims`. */
  readonly auth: Auth;
  /** This function. */
  readonly function: { readonly name: string; readonly version: number };
  /** What led here. */
  readonly trigger: "sql" | "database" | "queue" | "schedule" | "http" | "webhook";
  /** A UUID of this invocation; of a job the same in every attempt, so it can name its outside effects. */
  readonly id: string;
  /** Which try of a job this is, from 1. */
  readonly attempt: number;
  /** All of the above as one object, as the host made it. */
  readonly event: Event;
  /** The request, when an HTTP request led here. */
  readonly http?: HttpEvent;
  /** The times, when a schedule led here. */
  readonly schedule?: ScheduleEvent;
  /** The trigger and its rows, when a database trigger led here. */
  readonly database?: DatabaseEvent<Row>;

  /**
   * The new row of a row trigger; undefined in a DELETE. In a `BEFORE` trigger what is changed here is stored; columns
   * that are left alone are not sent back.
   */
  row: Row;
  /** The old row of an UPDATE or DELETE. */
  readonly old: Row;
  /** New rows of a statement trigger with transition tables. */
  readonly rows: Row[];
  /** Old rows of the same. */
  readonly oldRows: Row[];
  /** Drops the row, in a `BEFORE` row trigger: `return ctx.skip()`. */
  skip(): { readonly skip: true };

  /** The database, with the caller's rights and row-level security, in the caller's transaction. */
  readonly db: Db;
  /** Environment values and granted secrets, by name; undefined when there is none. */
  readonly env: Env;
  /** Lines for `alyx.logs` and the server's log. */
  readonly log: Log;
  /** Entries that this function keeps for itself; part of the transaction. */
  readonly kv: Kv;

  /** Calls another function in this transaction. */
  invoke<T = any>(name: string, input?: unknown): Promise<T>;
  /** Has another function called after the commit, as a job; resolves to the job's id. */
  enqueue(name: string, input?: unknown, options?: EnqueueOptions): Promise<string>;
  /** Ends the function with an error that its caller sees, all fields included. */
  raise(message: string, fields?: ErrorFields): never;
  raise(error: Error | (ErrorFields & { message: string })): never;
  /** Writes text or bytes as the result, not as JSON: for functions that return `text` or `bytea`. */
  output(value: string | ArrayBuffer | ArrayBufferView): void;
}

export interface Auth {
  /** The role that called or fired the trigger, also where the function runs as its owner. */
  readonly role: string;
  /** `sub` of the claims. */
  readonly id: string | null;
  readonly email: string | null;
  readonly claims: { readonly [claim: string]: any } | null;
}

export interface Event {
  readonly id: string;
  readonly function: { readonly name: string; readonly version: number };
  readonly trigger: Context["trigger"];
  readonly input: any;
  readonly auth: Auth;
  readonly attempt: number;
  readonly database?: DatabaseEvent;
  readonly schedule?: ScheduleEvent;
  readonly http?: HttpEvent;
}

export interface DatabaseEvent<Row extends object = AnyRow> {
  readonly op: "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE";
  readonly timing: "BEFORE" | "AFTER" | "INSTEAD OF";
  readonly level: "ROW" | "STATEMENT";
  readonly schema: string;
  readonly table: string;
  /** Name of the trigger. */
  readonly trigger: string;
  /** Arguments of CREATE TRIGGER. */
  readonly args: readonly string[];
  readonly new?: Row;
  readonly old?: Row;
  readonly new_rows?: Row[];
  readonly old_rows?: Row[];
  /** Event triggers: `ddl_command_end` and so on, and the command's tag. */
  readonly event?: string;
  readonly tag?: string;
}

export interface ScheduleEvent {
  readonly id?: number;
  /** The instant that this run is for, in ISO 8601 and UTC. */
  readonly scheduled_at: string;
  readonly previous_at: string | null;
  /** How many runs were left out since the one before. */
  readonly missed: number;
  readonly timezone: string;
}

export interface HttpEvent {
  readonly method: string;
  readonly path: string;
  readonly query: { readonly [name: string]: any };
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string };
  /** As it came; not there when it is not UTF-8. */
  readonly body: string;
  /** Instead of `body`, when it is not UTF-8. */
  readonly body_base64?: string;
}

export type Env = { readonly get: (name: string) => string | undefined } & { readonly [name: string]: string | undefined };

export interface Log {
  /** `fields` is any JSON, usually an object; errors are written with their stack. */
  debug(message: unknown, fields?: unknown): void;
  info(message: unknown, fields?: unknown): void;
  warn(message: unknown, fields?: unknown): void;
  error(message: unknown, fields?: unknown): void;
}

export interface Kv {
  /** The value, or undefined when there is none. */
  get<T = any>(key: string): Promise<T | undefined>;
  /** Keeps a JSON value, for `ttlMs` milliseconds when that is given. */
  set(key: string, value: unknown, options?: { ttlMs?: number }): Promise<void>;
  /** Whether there was one. */
  delete(key: string): Promise<boolean>;
  /** Entries in the order of their keys, at most `limit` (100, up to 1000); `after` goes on behind a key. */
  list<T = any>(options?: { prefix?: string; after?: string; limit?: number }): Promise<{
    entries: { key: string; value: T; expiresAt: string | null }[];
    more: boolean;
  }>;
}

export interface EnqueueOptions {
  /** When it may run; now when it is left out. */
  runAt?: Date | string;
  /** How long it waits at least, in milliseconds. */
  delayMs?: number;
  /** Higher is earlier. */
  priority?: number;
  /** Jobs of one function and key run one at a time, in order. */
  orderingKey?: string | number;
  /** While a job of this key waits or runs, no other is made. */
  dedupeKey?: string | number;
}

/** Fields of an error that a function ends with. Further members become part of DETAIL, as JSON. */
export interface ErrorFields {
  /** A SQLSTATE, or any code of your own: then the SQLSTATE is 38000 and DETAIL tells the code. */
  code?: string;
  detail?: unknown;
  hint?: string;
  /** The input field or column that it is about. */
  field?: string;
  constraint?: string;
  schema?: string;
  table?: string;
  datatype?: string;
  /** A job that fails with it is not tried again. */
  nonRetryable?: boolean;
  /** A job that fails with it is tried again after this many milliseconds. */
  retryAfterMs?: number;
  [member: string]: unknown;
}

/** What the database answered instead of a result. Not caught, it reaches the caller as the original error. */
export class DatabaseError extends Error {
  constructor(fields: Partial<DatabaseError> & { message: string });
  /** The SQLSTATE, as `23505`. */
  readonly code: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly datatype?: string;
  readonly constraint?: string;
  /** The statement that failed. */
  readonly query?: string;
  readonly position?: number;
}

/** An error in the function's own words: what `ctx.raise` throws. */
export class FunctionError extends Error {
  constructor(message: string, fields?: ErrorFields);
  constructor(fields: ErrorFields & { message: string });
  readonly code?: string;
  [member: string]: unknown;
}

/** An error that an HTTP client should see as this status, 400 to 599; to SQL it is PostgREST's code, as `PT404`. */
export class HttpError extends Error {
  constructor(status: number, message?: string, fields?: ErrorFields);
  readonly status: number;
  readonly code: string;
}
