// `ctx`: everything a handler is given. All of it is read when asked for: a handler that uses nothing pays for one object.

import { engine, isBytes, outputBytes } from "./host.js";
import { asyncDb, syncDb } from "./db.js";
import { event, hasEvent, input } from "./invocation.js";
import { asyncKv, enqueue, env, invoke, log, raise, syncKv } from "./powers.js";
import { copyRow } from "./row.js";

/** Where a context keeps what its outcome depends on; not for user code. */
export const STATE = Symbol("alyx.state");

const SKIP = Object.freeze({ skip: true });

class State {
  row = undefined;
  hasRow = false;
  isSkipped = false;
  hasOutput = false;
}

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
  [STATE] = undefined;

  get http() { return hasEvent() ? event().http : undefined; }
  get schedule() { return hasEvent() ? event().schedule : undefined; }
  get database() { return hasEvent() ? event().database : undefined; }

  get row() {
    const state = (this[STATE] ??= new State());
    if (!state.hasRow) {
      const stored = this.database?.new;
      state.row = stored === undefined || stored === null ? undefined : copyRow(stored);
      state.hasRow = true;
    }
    return state.row;
  }
  set row(row) {
    const state = (this[STATE] ??= new State());
    state.row = row;
    state.hasRow = true;
  }
  get old() { return this.database?.old ?? undefined; }
  get rows() { return this.database?.new_rows ?? undefined; }
  get oldRows() { return this.database?.old_rows ?? undefined; }

  get db() { return asyncDb; }
  get kv() { return asyncKv; }
  async invoke(name, input) { return invoke(name, input); }
  async enqueue(name, input, options) { return enqueue(name, input, options); }
  raise(error, fields) { return raise(error, fields); }

  skip() {
    (this[STATE] ??= new State()).isSkipped = true;
    return SKIP;
  }
  output(value) {
    if (typeof value === "string") engine.outputText(value);
    else if (isBytes(value)) outputBytes(value);
    else throw new TypeError("ctx.output takes text or bytes; what a handler returns is written as JSON");
    (this[STATE] ??= new State()).hasOutput = true;
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
