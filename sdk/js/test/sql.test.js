// LANGUAGE javascript: arguments, results, triggers, and plv8's object. The extension writes the wrapper that `body` imitates.

import assert from "node:assert/strict";
import test from "node:test";
import { load } from "../testing/index.js";
import { failure, project, rowEvent, sqlError } from "./support.js";

async function body(spec, parameters, text, options) {
  const scope = "const { db, log, env, kv, plv8, fetch, ctx, invoke, enqueue, raise } = __alyx.scope;";
  const source = `${scope} export default __alyx.sql(${JSON.stringify({ kind: "call", types: [], returns: "value", ...spec })}, function (${parameters}) {\n${text}\n});`;
  return load(project({ "f.js": source }) + "/f.js", options);
}

test("arguments by position, bytea as bytes", async () => {
  const sum = await body({ types: ["int4", "numeric"] }, "a, b", "return a + b;");
  assert.equal(await sum.call([1, 2.5]), 3.5);
  const bytes = await body({ types: ["text", "bytea"] }, "t, b", "return [t, b instanceof Uint8Array, Array.from(b)];");
  assert.deepEqual(await bytes.call(["x", "\\x00ff"]), ["x", true, [0, 255]]);
  assert.deepEqual(await (await body({ types: ["bytea"] }, "b", "return b === null;")).call([null]), true);
  assert.equal(await (await body({}, "", "return 7;")).call(), 7, "no arguments, no input");
});

test("results by their type", async () => {
  const returning = async (returns, expression) => (await body({ returns }, "", `return ${expression};`)).call([]);
  assert.equal(await returning("text", "12.5"), 12.5);
  assert.equal(await returning("text", "'grün'"), "grün");
  assert.equal(await returning("text", "null"), undefined);
  assert.equal(await returning("value", "undefined"), undefined);
  assert.deepEqual(await returning("json", "({ a: [1] })"), { a: [1] });
  assert.equal(await returning("bytea", "new Uint8Array([97, 98])"), "ab");
  assert.equal(await returning("value", "12n"), "12");
  assert.equal(await returning("value", "new Date(0)"), "1970-01-01T00:00:00.000Z");
  assert.deepEqual(await returning("value", "({ a: 1n, b: new Uint8Array([1]), c: undefined })"), { a: "1", b: "\\x01", c: null });
  assert.equal(await returning("void", "5"), undefined);
  assert.equal(await returning("value", "Promise.resolve(5)"), 5);
});

test("sets: returned, given to return_next, or both", async () => {
  const both = await body({ returns: "set" }, "", "plv8.return_next({ a: 1 }); plv8.return_next({ a: 2n }); return [{ a: 3 }];");
  assert.deepEqual(await both.call([]), [{ a: 1 }, { a: "2" }, { a: 3 }]);
  assert.deepEqual(await (await body({ returns: "set" }, "", "")).call([]), []);
});

test("triggers: NEW changed, returned, dropped; AFTER and DELETE", async () => {
  const names = "NEW, OLD, TG_OP, TG_NAME, TG_WHEN, TG_LEVEL, TG_RELID, TG_TABLE_NAME, TG_TABLE_SCHEMA, TG_ARGV, NEW_ROWS, OLD_ROWS";
  const trigger = (text) => body({ kind: "trigger" }, names, text);
  assert.deepEqual(await (await trigger("NEW.a = 2;")).event(rowEvent({ a: 1, b: 1 })), { row: { a: 2 } });
  assert.deepEqual(await (await trigger("return { a: 5, b: 1 };")).event(rowEvent({ a: 1, b: 1 })), { row: { a: 5 } });
  assert.deepEqual(await (await trigger("return null;")).event(rowEvent({ a: 1 })), { skip: true });
  assert.equal(await (await trigger("return NEW;")).event(rowEvent({ a: 1 })), undefined);
  assert.equal(await (await trigger("NEW.a = 2; return null;")).event(rowEvent({ a: 1 }, { timing: "AFTER" })), undefined);
  assert.equal(await (await trigger("return OLD;")).event(rowEvent(undefined, { op: "DELETE", old: { a: 1 } })), undefined);
  assert.deepEqual(await (await trigger("return null;")).event(rowEvent(undefined, { op: "DELETE", old: { a: 1 } })), { skip: true });
  assert.match((await failure((await trigger("return 5;")).event(rowEvent({ a: 1 })))).message, /returns a row, null or nothing, not a number/);
  const about = await trigger("log.info([OLD.a, TG_OP, TG_NAME, TG_WHEN, TG_LEVEL, TG_TABLE_NAME, TG_TABLE_SCHEMA, TG_ARGV, NEW_ROWS.length]);");
  await about.event(rowEvent({ a: 1 }, { op: "UPDATE", timing: "AFTER", old: { a: 0 }, args: ["x"], new_rows: [1] }));
  assert.deepEqual(about.logs[0].message, [0, "UPDATE", "tr", "AFTER", "ROW", "t", "public", ["x"], 1]);
});

test("event triggers", async () => {
  const ddl = await body({ kind: "event_trigger" }, "TG_EVENT, TG_TAG", "log.info([TG_EVENT, TG_TAG]);");
  await ddl.event({ database: { event: "ddl_command_end", tag: "CREATE TABLE" } });
  assert.deepEqual(ddl.logs[0].message, ["ddl_command_end", "CREATE TABLE"]);
});

test("everything in scope answers at once", async () => {
  const sync = await body({}, "", `
    kv.set("a", 1);
    return [db.query("SELECT 1")[0].n, db.posts.list().total, db.sql\`SELECT \${1}\`.length, kv.get("a"), env.URL, invoke("f", 2), ctx.auth.role, db.transaction(() => 3)];`,
    { db: () => [{ n: 9 }], env: { URL: "u" }, functions: { f: (n) => n + 1 } });
  assert.deepEqual(await sync.call([]), [9, 1, 1, 1, "u", 3, "tester", 3]);
});

test("plv8.execute and prepare", async () => {
  const made = await body({}, "", `
    const plan = plv8.prepare("SELECT $1 + $2 AS n, '$1', \\"$2\\", $x$ $1 $x$ -- $1\\n, E'\\\\'$1' /* $2 */", ["int", "numeric(10,2)"]);
    const out = [plv8.execute("SELECT 1"), plv8.execute("UPDATE", [1]), plv8.execute("SELECT $1", 5), plan.execute([1, 2]), plan.execute(1, 2)];
    plan.free();
    try { plan.execute([]); } catch (e) { out.push(e.message); }
    return out;`,
    { db: (sql) => (sql === "UPDATE" ? 4 : [{ n: 1 }]) });
  assert.deepEqual(await made.call([]), [[{ n: 1 }], 4, [{ n: 1 }], [{ n: 1 }], [{ n: 1 }], "the plan was freed"]);
  assert.equal(made.statements[3].sql, "SELECT $1::int + $2::numeric(10,2) AS n, '$1', \"$2\", $x$ $1 $x$ -- $1\n, E'\\'$1' /* $2 */");
  assert.deepEqual(made.statements[2].params, [5]);
  assert.deepEqual(made.statements[4].params, [1, 2]);
});

test("plv8 cursors", async () => {
  const left = [{ n: 1 }, { n: 2 }, { n: 3 }];
  const made = await body({}, "", `
    const cursor = plv8.prepare("SELECT n FROM t WHERE n < $1", ["int"]).cursor([9]);
    const out = [cursor.fetch(), cursor.fetch(2), cursor.fetch() === undefined];
    cursor.close();
    return out;`,
    { db: (sql) => (sql.startsWith("FETCH") ? left.splice(0, Number(sql.split(" ")[1])) : 0) });
  assert.deepEqual(await made.call([]), [{ n: 1 }, [{ n: 2 }, { n: 3 }], true]);
  const [declare, , , , close] = made.statements;
  // A name of its own in each call: the cursor lives until the transaction ends.
  const name = /^DECLARE ("alyx cursor 1 [0-9a-z]+") /.exec(declare.sql)[1];
  assert.deepEqual(declare, { sql: `DECLARE ${name} NO SCROLL CURSOR FOR SELECT n FROM t WHERE n < $1::int`, params: [9] });
  assert.equal(close.sql, `CLOSE ${name}`);
});

test("plv8.elog, subtransaction, quoting", async () => {
  const made = await body({}, "", `
    plv8.elog(NOTICE, "a", 1, { b: 2 }); plv8.elog(WARNING, "w"); plv8.elog(DEBUG1, "d"); plv8.elog(LOG, "l");
    let message;
    try { plv8.subtransaction(() => plv8.elog(ERROR, "stop", 1)); } catch (e) { message = e.message; }
    return [message, plv8.quote_ident("a b"), plv8.quote_ident("user"), plv8.quote_ident("name"), plv8.quote_literal("it's \\\\"), plv8.quote_nullable(null), plv8.quote_nullable("x")];`);
  assert.deepEqual(await made.call([]), ["stop 1", '"a b"', '"user"', "name", "E'it''s \\\\'", "NULL", "'x'"]);
  assert.deepEqual(made.logs.map(({ level, message }) => [level, message]), [["info", 'a 1 {"b":2}'], ["warn", "w"], ["debug", "d"], ["info", "l"]]);
  assert.deepEqual(made.calls.map(({ name }) => name).filter((name) => name.startsWith("db_")), ["db_savepoint", "db_rollback"]);
});

test("plv8.find_function calls any function of the database", async () => {
  const made = await body({}, "", 'return plv8.find_function("add(int,int)")(1, 2);', {
    db: (sql) => (sql.startsWith("SELECT p.oid") ? [{ name: "public.add", is_set: false, types: ["integer", "integer"] }] : [{ r: 3 }]),
  });
  assert.equal(await made.call([]), 3);
  assert.deepEqual(made.statements[1], { sql: "SELECT public.add($1::integer, $2::integer) AS r", params: [1, 2] });
  const missing = await body({}, "", 'plv8.find_function("nothing");', { db: () => { throw sqlError("42883", 'function "nothing" does not exist'); } });
  assert.equal((await failure(missing.call([]))).code, "42883");
});

test("what plv8 has and this has not says so", async () => {
  const made = await body({}, "", "plv8.get_window_object();");
  assert.match((await failure(made.call([]))).message, /window functions cannot be written in LANGUAGE javascript/);
});
