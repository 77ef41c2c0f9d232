// audit: one function that writes every change of any table to an audit log.
//
// Road: event (JSON) in → which columns changed → one INSERT through db_query. It must not know any table but the log,
// and it never interprets a column's value: values travel as raw JSON, so numeric keeps its digits.

import { Config, Host, Memory } from "@extism/as-pdk";
import { JSON } from "json-as";

@external("extism:host/user", "db_query")
declare function db_query(request: u64): u64;

@external("extism:host/env", "length")
declare function length(offset: u64): u64;

@external("extism:host/env", "error_set")
declare function error_set(message: u64): void;

const NULL = JSON.Raw.from("null");

@json
class Caller {
  role: string = "";
}

@json
class Change {
  op: string = "";
  schema: string = "";
  table: string = "";
  @alias("old") before: JSON.Raw = NULL;
  @alias("new") after: JSON.Raw = NULL;
}

@json
class Event {
  auth: Caller = new Caller();
  database: Change = new Change();
}

@json
class Query {
  sql: string = "";
  params: JSON.Raw[] = [];
}

@json
class Reply {
  error: JSON.Raw = NULL;
}

/** What happened, as a trigger function of any level and operation. */
export function handler(): i32 {
  const event = JSON.parse<Event>(Host.inputString());
  const change = event.database;

  const query = new Query();
  // The log's name comes from the deployer's manifest, never from the event: who writes rows must not choose where they are recorded.
  const log = Config.get("AUDIT_LOG");
  query.sql =
    "INSERT INTO " + (log == null ? "public.audit_log" : log) + " (actor, op, schema_name, table_name, old_row, new_row, changed)" +
    " VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, ARRAY(SELECT jsonb_array_elements_text($7::jsonb)))";
  query.params = [
    raw(event.auth.role),
    raw(change.op),
    raw(change.schema),
    raw(change.table),
    change.before,
    change.after,
    raw(changedColumns(change.before, change.after)),
  ];

  const request = Memory.allocateString(JSON.stringify(query));
  const answer = db_query(request.offset);
  // A non-zero return after a failed query hands the caller the database's own error.
  return JSON.parse<Reply>(new Memory(answer, length(answer)).toString()).error.data == "null" ? 0 : 1;
}

/** Columns whose value differs between two rows; none when there is only one row. */
function changedColumns(before: JSON.Raw, after: JSON.Raw): string[] {
  const names: string[] = [];
  if (before.data == "null" || after.data == "null") return names;
  const old = JSON.parse<Map<string, JSON.Raw>>(before.data);
  const row = JSON.parse<Map<string, JSON.Raw>>(after.data);
  const columns = row.keys();
  for (let i = 0; i < columns.length; i++) {
    const name = columns[i];
    if (!old.has(name) || old.get(name).data != row.get(name).data) names.push(name);
  }
  return names;
}

function raw<T>(value: T): JSON.Raw {
  return JSON.Raw.from(JSON.stringify<T>(value));
}

/** Called by AssemblyScript when it aborts: the message reaches the caller instead of a bare trap. */
export function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = (message == null ? "aborted" : message) + " at " + (file == null ? "?" : file) + ":" + line.toString() + ":" + column.toString();
  error_set(Memory.allocateString(text).offset);
  unreachable();
}
