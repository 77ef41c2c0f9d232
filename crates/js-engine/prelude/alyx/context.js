// `ctx`: everything a handler is given. All of it is read when asked for: a handler that uses nothing pays for one object.

import { engine, isBytes, outputBytes } from "./host.js";
import { asyncDb, syncDb } from "./db.js";
import { event, hasEvent, input, replaceRow, rowOf, settleAs } from "./invocation.js";
import { asyncKv, enqueue, env, invoke, log, raise, syncKv } from "./powers.js";

const SKIP = Object.freeze({ skip: true });

class Facts {
  get input() { return input(); }
  get text() { return engine.inputText(); }
  get bytes() { return engine.inputBytes(); }
  get event() { return event(); }
  get auth() { return event().auth; }
  get function() { return event().function; }
  get trigger() { return event().trigger; }
  get id() { return event().id; }
  get attempt() { return event().attempt ?? 1; }
  get env() { return env; }
  get log() { return log; }
}

export class Context extends Facts {
  get http() { return hasEvent() ? event().http : undefined; }
  get schedule() { return hasEvent() ? event().schedule : undefined; }
  get database() { return hasEvent() ? event().database : undefined; }

  get row() { return hasEvent() ? rowOf() : undefined; }
  set row(row) { replaceRow(row); }
  get old() { return this.database?.old ?? undefined; }
  get rows() { return this.database?.new_rows ?? undefined; }
  get oldRows() { return this.database?.old_rows ?? undefined; }

  get db() { return asyncDb; }
  get kv() { return asyncKv; }
  async invoke(name, input) { return invoke(name, input); }
  async enqueue(name, input, options) { return enqueue(name, input, options); }
  raise(error, fields) { return raise(error, fields); }

  skip() {
    settleAs("skip");
    return SKIP;
  }
  output(value) {
    if (typeof value === "string") engine.outputText(value);
    else if (isBytes(value)) outputBytes(value);
    else throw new TypeError("ctx.output takes text or bytes; what a handler returns is written as JSON");
    settleAs("output");
  }
}

/** The same for LANGUAGE javascript, where nothing is a promise. */
export class SqlContext extends Facts {
  get db() { return syncDb; }
  get kv() { return syncKv; }
  invoke(name, input) { return invoke(name, input); }
  enqueue(name, input, options) { return enqueue(name, input, options); }
  raise(error, fields) { return raise(error, fields); }
}
