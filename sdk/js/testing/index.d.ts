// Unit tests of functions on the real engine, in Node.

export interface LoadOptions {
  /** Answers a statement: rows, a number of changed rows, or nothing. What it throws is the statement's error; `code` is the SQLSTATE. */
  db?: (sql: string, params: any[]) => object[] | number | undefined;
  /** Answers an HTTP request. */
  fetch?: (request: { method?: string; url: string; headers?: Record<string, string>; body?: string; body_base64?: string }) => {
    status?: number;
    headers?: Record<string, string>;
    body?: string;
  };
  /** Environment values and secrets. */
  env?: Record<string, string>;
  /** Who calls; the role is `tester` when it is left out. */
  auth?: { role?: string; id?: string | null; email?: string | null; claims?: object | null };
  /** Other functions that it calls, by name. */
  functions?: Record<string, (input: any) => unknown>;
  /** Any host function by its name: request in, response out. */
  host?: Record<string, (request: any) => unknown>;
  /** Folder of engine.wasm. */
  engine?: string;
}

/** Builds a function of a folder or file, or reads a built `.wasm`. */
export function load(source: string | URL, options?: LoadOptions): Promise<Program>;

export interface Program {
  /** All requests to the host so far. */
  readonly calls: { name: string; request: any }[];
  /** Statements of db_query among them. */
  readonly statements: { sql: string; params: any[] }[];
  /** Lines of ctx.log among them. */
  readonly logs: { level: string; message: any; fields?: any }[];
  /** Exports of the module. */
  readonly names: string[];
  /** Calls as SQL does, in a fresh instance; undefined when there is no output. */
  call(input?: unknown, options?: { name?: string }): Promise<any>;
  /** Calls with an event of a trigger, a job or a request; members that are left out are made up. */
  event(event: object, options?: { name?: string }): Promise<any>;
}

/** What a function ended with. */
export class Failure extends Error {
  /** The SQLSTATE. */
  readonly code: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** Frames of the function, in its sources. */
  readonly frames: string;
  readonly [field: string]: unknown;
}
