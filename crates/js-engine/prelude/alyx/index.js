// Puts the prelude's own part together: `globalThis.__alyx`, which the npm package re-exports and LANGUAGE javascript
// builds on, plv8's names, and the two functions that C calls.

import { lend } from "./host.js";
import { DatabaseError, FunctionError, HttpError } from "./errors.js";
import { fail } from "./failure.js";
import { SqlContext } from "./context.js";
import { dispatch } from "./dispatch.js";
import { handler } from "./handler.js";
import { enqueue, env, invoke, log, raise, syncKv } from "./powers.js";
import { syncDb } from "./db.js";
import { levels, plv8 } from "./plv8.js";
import { sql } from "./sql.js";

/** The names that a function body of LANGUAGE javascript sees beside its arguments. */
const scope = Object.freeze({
  db: syncDb,
  log,
  env,
  kv: syncKv,
  plv8,
  ctx: Object.freeze(new SqlContext()),
  invoke,
  enqueue,
  raise,
  get fetch() { return globalThis.fetch; },
});

export function install(engine) {
  lend(engine);
  const alyx = Object.freeze({ handler, sql, scope, DatabaseError, FunctionError, HttpError });
  Object.defineProperty(globalThis, "__alyx", { value: alyx });
  Object.defineProperty(globalThis, "plv8", { value: plv8, writable: true, configurable: true });
  for (const [name, value] of Object.entries(levels)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  engine.setDispatcher(dispatch);
  engine.setFailure(fail);
}
