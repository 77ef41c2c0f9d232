// What is thrown, and what the caller of the function sees of it.

import assert from "node:assert/strict";
import test from "node:test";
import { failure, handling, program, sqlError } from "./support.js";

/** The request of `raise` after a body that throws. */
async function raised(body, options) {
  const made = await handling(body, options);
  await failure(made.call());
  const { stack, ...request } = made.calls.find(({ name }) => name === "raise")?.request ?? {};
  return request;
}

test("an object with code, message and field", async () => {
  assert.deepEqual(await raised('throw { code: "OUT_OF_STOCK", message: "none left", field: "qty", left: 3, hint: "Wait." };'), {
    sqlstate: "38000", message: "none left", column: "qty", hint: "Wait.", detail: '{"code":"OUT_OF_STOCK","field":"qty","left":3}',
  });
});

test("a SQLSTATE of one's own is used, one that is not allowed is not", async () => {
  assert.deepEqual(await raised('throw { code: "22023", message: "bad" };'), { sqlstate: "22023", message: "bad" });
  assert.deepEqual(await raised('throw { code: "XX001", message: "bad" };'), { sqlstate: "38000", message: "bad", detail: '{"code":"XX001"}' });
  assert.deepEqual(await raised('throw { code: "00000", message: "bad" };'), { sqlstate: "38000", message: "bad", detail: '{"code":"00000"}' });
});

test("ctx.raise: all fields of a Postgres error, and advice for jobs", async () => {
  assert.deepEqual(
    await raised('ctx.raise("no", { code: "23514", detail: "d", hint: "h", constraint: "c", table: "t", schema: "s", datatype: "y", field: "f", nonRetryable: true, retryAfterMs: 1.4 });'),
    { sqlstate: "23514", message: "no", detail: '{"field":"f","detail":"d"}', hint: "h", constraint: "c", table: "t", schema: "s", datatype: "y", column: "f", non_retryable: true, retry_after_ms: 1 },
  );
  assert.deepEqual(await raised('ctx.raise({ message: "no", detail: "only this" });'), { sqlstate: "38000", message: "no", detail: "only this" });
});

test("Error, its subclasses and their members", async () => {
  assert.deepEqual(await raised('throw new Error("plain");'), { sqlstate: "38000", message: "plain" });
  assert.deepEqual(await raised("null.x;"), { sqlstate: "38000", message: "TypeError: cannot read property 'x' of null" });
  assert.deepEqual(await raised('class Own extends Error { limit = 3; } throw new Own("mine");'), { sqlstate: "38000", message: "mine", detail: '{"limit":3}' });
  assert.deepEqual(await raised('throw new HttpError(404, "no such post");'), { sqlstate: "PT404", message: "no such post" });
  assert.match((await raised('throw new HttpError(200);')).message, /status from 400 to 599/);
});

test("what is no error is described", async () => {
  assert.equal((await raised('throw "text";')).message, "text");
  assert.equal((await raised("throw 42;")).message, "42 was thrown, which is not an error");
  assert.equal((await raised("throw undefined;")).message, "undefined was thrown, which is not an error");
  assert.equal((await raised('throw { a: 1 };')).message, '{"a":1}');
  assert.match((await raised("throw Promise.resolve();")).message, /await it first/);
  assert.match((await raised('const o = { message: "m" }; o.self = o; throw o;')).message, /^m$/);
  assert.match((await raised("throw new Proxy({}, { get() { throw 1; } });")).message, /cannot be read/);
});

test("a statement's failure that nobody caught is left to the host, which remembers it", async () => {
  const db = () => { throw sqlError("23505", "duplicate key", { constraint: "c" }); };
  const made = await handling('await ctx.db.posts.create({ a: 1 });', { db });
  const error = await failure(made.call());
  assert.deepEqual([error.code, error.message, error.constraint], ["23505", "duplicate key", "c"]);
  assert.equal(made.calls.some(({ name }) => name === "raise"), false, "described again it would lose its context");
});

test("one that is not the host's last any more is described", async () => {
  let n = 0;
  const db = () => { if (n++ === 0) throw sqlError("23505", "duplicate key", { constraint: "c", table: "t" }); return 1; };
  const later = await raised('let e; try { await ctx.db.exec("a"); } catch (x) { e = x; } await ctx.db.exec("b"); throw e;', { db });
  assert.deepEqual(later, { sqlstate: "23505", message: "duplicate key", constraint: "c", table: "t" });
  n = 0;
  const undone = await raised('await ctx.db.transaction(async (tx) => { await tx.exec("a"); });', { db });
  assert.equal(undone.sqlstate, "23505");
});

test("a wrapped failure is the wrapper's, with its causes in the stack", async () => {
  const db = () => { throw sqlError("23505", "duplicate key"); };
  const made = await handling('try { await ctx.db.exec("a"); } catch (cause) { throw new Error("could not save", { cause }); }', { db });
  const error = await failure(made.call());
  assert.equal(error.message, "could not save");
  assert.match(error.frames, /Caused by: DatabaseError: duplicate key/);
});

test("promises: rejected without a handler, never settled", async () => {
  const lost = await handling('Promise.reject(new Error("lost")); return 1;');
  assert.equal((await failure(lost.call())).message, "lost");
  const never = await handling("await new Promise(() => {});");
  assert.match((await failure(never.call())).message, /never settles/);
});

test("endless recursion can be caught", async () => {
  const made = await handling("const f = () => 1 + f(); try { f(); } catch (e) { return e instanceof RangeError; }");
  assert.equal(await made.call(), true);
});

test("an error at the top level fails the build where the source has it", async () => {
  const error = await failure(program('\nconst a: any = null;\nexport const b = a.x;\nexport default handler(() => b);'));
  assert.equal(error.name, "BuildError");
  const [problem] = error.problems;
  assert.match(problem.text, /cannot read property 'x' of null/);
  assert.match(problem.file, /index\.ts$/);
  assert.equal(problem.line, 3);
  const early = await failure(program('crypto.randomUUID(); export default handler(() => 1);'));
  assert.match(early.message, /while the module is being initialised/);
});

test("stacks lead to the line of TypeScript", async () => {
  const made = await program(`
interface Order { qty: number }

function check(order: Order): void {
  if (order.qty > 1) {
    throw new Error("too many");
  }
}

export default handler<Order>(async (ctx) => {
  await null;
  check(ctx.input);
});`);
  const { frames } = await failure(made.call({ qty: 2 }));
  assert.match(frames, /at check \(index\.ts:6:\d+\)/);
  assert.match(frames, /index\.ts:12:\d+/);
  assert.doesNotMatch(frames, /prelude/);
});
