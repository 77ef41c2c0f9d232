// The manifest as TypeScript: `export const config: Config = { … }`. The keys are those of manifest.yaml.

export interface Config {
  /** Must be the name that the function is deployed under. */
  name?: string;
  description?: string;
  /** Schema of the SQL functions. */
  schema?: string;
  runtime?: "wasm";
  /** The export to call; `handler`, the default export, when it is left out. */
  entrypoint?: string;
  build?: { command?: string; args?: string[]; watch?: string[]; output?: string };
  /** Wall clock: `500ms`, `10s`, `5m`. */
  timeout?: string;
  /** `128mb` */
  memory?: string;
  /** What is remembered between invocations: nothing, those of the same transaction, those of the same session. */
  instances?: "fresh" | "transaction" | "session";
  run_as?: "caller" | "owner";
  database?: "none" | "read" | "write";
  env?: { [name: string]: string | number | boolean };
  /** Secrets that the function may read, once they are granted to it. */
  secrets?: string[];
  /** `scheme://host[:port]`; nothing else can be reached. */
  allowed_hosts?: string[];
  /** Columns that events of triggers have; all without it. */
  reads?: string[];
  /** Allows HTTP requests while a trigger holds its transaction open. */
  http_in_transaction?: boolean;
  host_functions?: { [imported: string]: string };
  /** A shape by field, or a JSON Schema. */
  input?: object;
  output?: object;
  log?: "all" | "errors" | "off" | `sample:${number}`;
  /** Jobs at once. */
  concurrency?: number;
  /** `100/s` */
  rate_limit?: string;
  retry?: { attempts?: number; backoff?: "exponential" | "fixed"; base?: string; max?: string };
  sql?: { create: string; export: string }[];
  hooks?: Hook[];
}

export type Hook = DatabaseHook | ScheduleHook | HttpHook | WebhookHook;

export interface DatabaseHook {
  type: "database";
  name?: string;
  /** Table or view. */
  source: string;
  action: DatabaseAction | DatabaseAction[];
  timing?: "before" | "after" | "instead_of";
  for_each?: "row" | "statement";
  /** In the writer's transaction, or as a job after its commit. */
  mode?: "sync" | "async";
  /** SQL condition over NEW and OLD. */
  when?: string;
  columns?: string[];
  args?: string[];
}

export type DatabaseAction = "insert" | "update" | "delete" | "truncate";

export interface ScheduleHook {
  type: "schedule";
  name?: string;
  cron: string;
  timezone?: string;
  overlap?: "skip" | "queue" | "allow";
  missed?: "once" | "skip" | "all";
  input?: unknown;
}

export interface HttpHook {
  type: "http";
  name?: string;
  methods?: ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD")[];
  path?: string;
  auth?: "required" | "optional" | "none";
}

export interface WebhookHook {
  type: "webhook";
  name?: string;
  path: string;
  /** Several secrets: any of them may have signed, for rotation. `tolerance` is a duration, `5m` when left out. */
  verify:
    | { scheme: "standard" | "stripe" | "github"; secret: string | string[]; tolerance?: string }
    | {
        scheme: "hmac";
        secret: string | string[];
        tolerance?: string;
        /** Header with the signature, `x-signature` when left out. */
        header?: string;
        algorithm?: "sha256" | "sha512";
        encoding?: "hex" | "base64";
        /** What stands before the signature, as `sha256=`. */
        prefix?: string;
        /** Header with the time in seconds since 1970; then `<time>.<body>` is signed. */
        timestamp_header?: string;
        /** Header with the delivery's id. */
        id_header?: string;
      };
}
