// ctx: input, event, environment, log, key-value entries, other functions, outcomes.

import assert from "node:assert/strict";
import test from "node:test";
import { failure, handling, program, rowEvent } from "./support.js";

test("what a handler returns is the result as JSON", async () => {
  const echo = await handling("return ctx.input;");
  assert.deepEqual(await echo.call({ a: [1, "x", null] }), { a: [1, "x", null] });
  assert.equal(await echo.call(null), null);
  assert.equal(await echo.call(), null, "no input at all is null");
  const nothing = await handling("");
  assert.equal(await nothing.call({}), null);
  const sync = await program("export default handler((ctx) => ctx.input + 1);");
  assert.equal(await sync.call(1), 2);
  const plain = await program("export default async (ctx) => ctx.input + 1;");
  assert.equal(await plain.call(1), 2, "a default export that takes a parameter is a handler");
});

test("text and bytes in and out", async () => {
  const bytes = await handling("return ctx.bytes.toReversed();");
  assert.equal(await bytes.call(new TextEncoder().encode("abc")), "cba");
  const text = await handling("ctx.output(ctx.text.toUpperCase()); return { ignored: true };");
  assert.equal(await text.call(new TextEncoder().encode("grüße")), "GRÜSSE");
  const json = await handling("return ctx.input;");
  assert.match((await failure(json.call(new TextEncoder().encode("no json")))).message, /the input is not JSON, it begins with "no json"/);
});

test("a call knows who calls and what it is", async () => {
  const about = await handling("return [ctx.auth.role, ctx.auth.id, ctx.trigger, ctx.function.name, ctx.attempt, ctx.id.length, ctx.event.input.a, ctx.http, ctx.database];", { auth: { id: "u1" } });
  assert.deepEqual(await about.call({ a: 7 }), ["tester", "u1", "sql", "test", 1, 36, 7, null, null]);
  assert.equal(about.calls.filter(({ name }) => name === "context").length, 1, "asked for once");
});

test("an event is not asked for twice", async () => {
  const about = await handling("return [ctx.auth.role, ctx.trigger, ctx.attempt, ctx.input, ctx.event.id];");
  const event = { id: "job-1", trigger: "queue", attempt: 3, input: { a: 1 }, auth: { role: "app" } };
  assert.deepEqual(await about.event(event), ["app", "queue", 3, { a: 1 }, "job-1"]);
  assert.deepEqual(about.calls, []);
});

test("a handler that uses nothing asks for nothing", async () => {
  const quiet = await handling("");
  assert.equal(await quiet.event(rowEvent({ id: 1 })), undefined, "no output: the row goes on");
  assert.deepEqual(quiet.calls, []);
});

test("environment values by property and get, each asked for once", async () => {
  const env = await handling('return [ctx.env.URL, ctx.env.get("URL"), ctx.env.NONE === undefined, "URL" in ctx.env, "NONE" in ctx.env];', { env: { URL: "https://x" } });
  assert.deepEqual(await env.call(), ["https://x", "https://x", true, true, false]);
  assert.deepEqual(env.calls.map(({ request }) => request.key), ["URL", "NONE"]);
  const set = await handling('ctx.env.URL = "y";');
  assert.match((await failure(set.call())).message, /env\.URL cannot be set/);
});

test("log lines carry fields, errors with their stack", async () => {
  const logs = await handling('ctx.log.info("made", { id: 1 }); ctx.log.warn({ any: "thing" }); ctx.log.error("bad", new TypeError("x")); ctx.log.debug("n", { n: 1n, e: new Error("y") });');
  await logs.call();
  const [info, warn, error, debug] = logs.logs;
  assert.deepEqual(info, { level: "info", message: "made", fields: { id: 1 } });
  assert.deepEqual(warn, { level: "warn", message: { any: "thing" } });
  assert.equal(error.fields.message, "x");
  assert.match(error.fields.stack, /bundle\.js:\d+/);
  assert.equal(debug.fields.n, "1");
  assert.equal(debug.fields.e.message, "y");
});

test("key-value entries", async () => {
  const kv = await handling(`
    await ctx.kv.set("a", { n: 1 }, { ttlMs: 1000 });
    const listed = await ctx.kv.list({ prefix: "a" });
    return [await ctx.kv.get("a"), (await ctx.kv.get("b")) === undefined, listed, await ctx.kv.delete("a"), await ctx.kv.delete("a")];`);
  assert.deepEqual(await kv.call(), [{ n: 1 }, true, { entries: [{ key: "a", value: { n: 1 }, expiresAt: null }], more: false }, true, false]);
  assert.deepEqual(kv.calls[0].request, { key: "a", value: { n: 1 }, ttl_ms: 1000 });
  const none = await handling('await ctx.kv.set("a", undefined);');
  assert.match((await failure(none.call())).message, /kv\.set: there is no value/);
});

test("other functions now and later", async () => {
  const other = await handling(
    'return [await ctx.invoke("twice", 21), await ctx.enqueue("later", { a: 1 }, { runAt: new Date(0), delayMs: 5, priority: 2, orderingKey: 7, dedupeKey: "d" })];',
    { functions: { twice: (n) => n * 2 } },
  );
  const [now, job] = await other.call();
  assert.equal(now, 42);
  assert.match(job, /^[0-9a-f-]{36}$/);
  assert.deepEqual(other.calls.at(-1).request, {
    name: "later", input: { a: 1 }, run_at: "1970-01-01T00:00:00.000Z", delay_ms: 5, priority: 2, ordering_key: "7", dedupe_key: "d",
  });
});

test("what changes in ctx.row is stored, and nothing else is sent", async () => {
  const row = await handling("ctx.row.slug = ctx.row.title.toLowerCase(); ctx.row.meta.seen = true; ctx.row.at = new Date(0); ctx.row.raw = new Uint8Array([0, 255]);");
  const stored = { id: 1, title: "HI", slug: null, big: 12345678901234567890, meta: { a: 1 }, same: { x: 1 }, at: null, raw: null };
  assert.deepEqual(await row.event(rowEvent(stored)), { row: { slug: "hi", meta: { a: 1, seen: true }, at: "1970-01-01T00:00:00.000Z", raw: "\\x00ff" } });
  const same = await handling("ctx.row.meta = { a: 1 }; ctx.row.id = 1;");
  assert.equal(await same.event(rowEvent(stored)), undefined);
});

test("the row can be returned, replaced, skipped, or left to AFTER", async () => {
  const returned = await handling("ctx.row.a = 2; return ctx.row;");
  assert.deepEqual(await returned.event(rowEvent({ a: 1, b: 1 })), { row: { a: 2 } });
  const outcome = await handling("return { row: { a: 3 } };");
  assert.deepEqual(await outcome.event(rowEvent({ a: 1 })), { row: { a: 3 } });
  const replaced = await handling("ctx.row = { a: 4, b: 1 };");
  assert.deepEqual(await replaced.event(rowEvent({ a: 1, b: 1 })), { row: { a: 4 } });
  const skipped = await handling("ctx.row.a = 2; ctx.skip();");
  assert.deepEqual(await skipped.event(rowEvent({ a: 1 })), { skip: true });
  const after = await handling("ctx.row.a = 2;");
  assert.equal(await after.event(rowEvent({ a: 1 }, { timing: "AFTER" })), undefined);
  const deleted = await handling("ctx.log.info([ctx.row === undefined, ctx.old.a]);");
  await deleted.event(rowEvent(undefined, { op: "DELETE", old: { a: 9 } }));
  assert.deepEqual(deleted.logs[0].message, [true, 9]);
  const many = await handling("ctx.log.info([ctx.rows.length, ctx.oldRows[0].a]);");
  await many.event(rowEvent(undefined, { level: "STATEMENT", timing: "AFTER", new_rows: [{ a: 1 }, { a: 2 }], old_rows: [{ a: 0 }] }));
  assert.deepEqual(many.logs[0].message, [2, 0]);
});

test("requests: body as input", async () => {
  const http = await handling("return { status: 201, body: [ctx.input, ctx.http.method] };");
  const event = { trigger: "http", input: undefined, http: { method: "POST", path: "/", query: {}, headers: {}, body: '{"a":1}' } };
  assert.deepEqual(await http.event(event), { status: 201, body: [{ a: 1 }, "POST"] });
});

test("plain exports are js-pdk's: output, exit code", async () => {
  const plain = await program(`
    export const text = () => "out";
    export const object = async () => ({ a: 1 });
    export const code = () => 3;
    export const nothing = () => {};
  `);
  assert.deepEqual(plain.names.toSorted(), ["code", "nothing", "object", "text"]);
  assert.equal(await plain.call({}, { name: "text" }), "out");
  assert.deepEqual(await plain.call({}, { name: "object" }), { a: 1 });
  assert.equal(await plain.call({}, { name: "nothing" }), undefined);
  assert.match((await failure(plain.call({}, { name: "code" }))).message, /exit code 3/);
});
