// What the REST API answers with, field by field. Times are ISO 8601 text; `unknown` is JSON of the user's.

export interface Me { role: string; extension: string; wasmtime: string; database: string }

export interface Hook { type: string; [key: string]: unknown }

export interface DeployedFunction {
  name: string; owner: string; version: number; description: string | null; schema: string; sha256: string;
  export: string; module_bytes: number; paused: boolean; deployed_by: string; deployed_at: string; hooks: Hook[];
}

export interface Version {
  version: number; is_current: boolean; sha256: string; export: string; manifest: unknown;
  deployed_by: string; deployed_at: string;
}

export interface Invocation {
  id: string; function: string; version: number; export: string; trigger: string; role: string; status: string;
  sqlstate: string | null; error: string | null; duration_ms: number; peak_memory_bytes: number; host_calls: number;
  rows: number; attempt: number; started_at: string;
}

/** input and output are there when they were recorded: JSON, or the beginning of its text where it was cut. */
export interface Attempt extends Invocation { input?: unknown; input_cut?: boolean; output?: unknown; output_cut?: boolean }

export interface LogLine { line: number; logged_at: string; level: string; message: string }

export interface FunctionLogLine extends LogLine { invocation: string; function: string }

export interface InvocationDetail { attempts: Attempt[]; logs: LogLine[] }

export interface Job {
  id: string; function: string; source: string; status: string; priority: number; attempt: number; crashes: number;
  run_at: string; ordering_key: string | null; dedupe_key: string | null; role: string; input: unknown;
  enqueued_at: string; started_at: string | null; last_error: string | null; schedule: number | string | null;
}

export interface JobError { attempt?: number; at?: string; sqlstate?: string; message?: string; detail?: string }

export interface DeadJob {
  id: string; function: string; source: string; reason: string; attempt: number; crashes: number; role: string;
  input: unknown; sqlstate: string | null; last_error: string | null; errors: JobError[] | null;
  enqueued_at: string; died_at: string;
}

export interface Schedule {
  id: number | string; function: string; cron: string; timezone: string; overlap: string; missed: string; input: unknown;
  role: string; next_run_at: string | null; previous_run_at: string | null; skipped: number; last_error: string | null;
  next_runs: string[] | null;
}

export interface Stats {
  function: string; calls: number; errors: number; traps: number; timeouts: number; rows: number;
  mean_ms: number | null; p50_ms: number | null; p95_ms: number | null; p99_ms: number | null; max_ms: number | null;
  peak_memory_bytes: number | null; lost_records: number; since: string | null;
}

export interface Minute {
  function: string; minute: string; calls: number; errors: number; traps: number; timeouts: number; rows: number;
  p50_ms: number | null; p95_ms: number | null; p99_ms: number | null; max_ms: number | null;
}
