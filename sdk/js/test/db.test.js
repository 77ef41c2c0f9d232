// ctx.db: the SQL of each call, bound values, refusals before any SQL runs.

import assert from "node:assert/strict";
import test from "node:test";
import { failure, handling, program, sqlError } from "./support.js";

/** The statements of a body, answered with the same rows. */
async function statements(body, rows = [{ id: 1 }]) {
  const made = await handling(body, { db: () => rows });
  await made.call();
  return made.statements.map(({ sql, params }) => [sql, params]);
}

async function refusal(body) {
  const made = await handling(body, { db: () => [] });
  const error = await failure(made.call());
  assert.deepEqual(made.statements, [], "refused before any SQL");
  return error.message;
}

test("filters become conditions, values parameters", async () => {
  const where = async (filter) => {
    const [[sql, params]] = await statements(`await ctx.db.t.list({ filter: ${filter}, total: false });`);
    return [sql.replace('SELECT * FROM "t" WHERE ', ""), params];
  };
  assert.deepEqual(await where("{ a: 1, b: 'x' }"), ['"a" = $1 AND "b" = $2', [1, "x"]]);
  assert.deepEqual(await where("{ a: null, b: { $ne: null } }"), ['"a" IS NULL AND "b" IS NOT NULL', []]);
  assert.deepEqual(await where("{ a: { $gt: 1, $lte: 9 } }"), ['"a" > $1 AND "a" <= $2', [1, 9]]);
  assert.deepEqual(await where("{ a: { $gte: 1 }, b: { $lt: 2 } }"), ['"a" >= $1 AND "b" < $2', [1, 2]]);
  assert.deepEqual(await where("{ a: { $ne: 1 } }"), ['"a" IS DISTINCT FROM $1', [1]]);
  assert.deepEqual(await where("{ a: { $in: [1, 2, 3] } }"), ['"a" IN ($1, $2, $3, $4)', [1, 2, 3, 3]]);
  assert.deepEqual(await where("{ a: { $in: [1, null] } }"), ['("a" IN ($1) OR "a" IS NULL)', [1]]);
  assert.deepEqual(await where("{ a: { $in: [] } }"), ["false", []]);
  assert.deepEqual(await where("{ a: { $nin: [1] } }"), ['("a" IN ($1)) IS NOT TRUE', [1]]);
  assert.deepEqual(await where("{ a: { $like: 'x%' }, b: { $ilike: 'y_' } }"), ['"a" LIKE $1 AND "b" ILIKE $2', ["x%", "y_"]]);
  assert.deepEqual(await where("{ a: { $null: true }, b: { $null: false } }"), ['"a" IS NULL AND "b" IS NOT NULL', []]);
  assert.deepEqual(await where("{ $or: [{ a: 1 }, { b: 2, c: 3 }] }"), ['(("a" = $1) OR ("b" = $2 AND "c" = $3))', [1, 2, 3]]);
  assert.deepEqual(await where("{ $and: [{ a: 1 }], $or: [] }"), ['(("a" = $1)) AND false', [1]]);
  assert.deepEqual(await where("{ $not: { a: 1 }, b: { $not: { $gt: 2 } } }"), ['("a" = $1) IS NOT TRUE AND ("b" > $2) IS NOT TRUE', [1, 2]]);
  assert.deepEqual(await where("{ doc: { a: { b: 1 } } }"), ['"doc" = $1', [{ a: { b: 1 } }]], "an object without operators is a JSON value");
  assert.deepEqual(await where("{ at: { $gt: new Date(0) } }"), ['"at" > $1', ["1970-01-01T00:00:00.000Z"]]);
});

test("names are quoted, whatever they are", async () => {
  const [[sql]] = await statements(`await ctx.db['x"; DROP TABLE y; --'].list({ filter: { 'a" = 1 OR "b': 1 }, sort: '-c"d', total: false });`);
  assert.equal(sql, 'SELECT * FROM "x""; DROP TABLE y; --" WHERE "a"" = 1 OR ""b" = $1 ORDER BY "c""d" DESC');
  const [[other]] = await statements('await ctx.db.table("shop.orders", { key: "no" }).get(7);');
  assert.equal(other, 'SELECT * FROM "shop"."orders" WHERE "no" = $1 LIMIT 1');
});

test("list sorts, pages and counts only when it must", async () => {
  const page = "sort: '-created_at, name', limit: 2";
  const order = 'SELECT * FROM "t" WHERE "a" = $1 ORDER BY "created_at" DESC, "name" LIMIT $2';
  assert.deepEqual(await statements(`await ctx.db.t.list({ filter: { a: 1 }, ${page} });`), [[order, [1, 2]]], "a page that is not full is the last");
  const counting = await statements(`await ctx.db.t.list({ filter: { a: 1 }, ${page}, offset: 4 });`, [{ total: 9 }, { id: 2 }]);
  assert.deepEqual(counting, [[`${order} OFFSET $3`, [1, 2, 4]], ['SELECT count(*) AS total FROM "t" WHERE "a" = $1', [1]]]);
  const result = await handling("return ctx.db.t.list({ limit: 1, offset: 5, select: ['id'] });", { db: (sql) => (sql.includes("count") ? [{ total: 12 }] : [{ id: 6 }]) });
  assert.deepEqual(await result.call(), { docs: [{ id: 6 }], total: 12 });
  assert.match(result.statements[0].sql, /^SELECT "id" FROM "t" LIMIT \$1 OFFSET \$2$/);
});

test("get by key or filter, with locks", async () => {
  assert.deepEqual(await statements("await ctx.db.t.get(7, { lock: 'update', wait: 'skip locked' });"), [['SELECT * FROM "t" WHERE "id" = $1 LIMIT 1 FOR UPDATE SKIP LOCKED', [7]]]);
  const none = await handling("return ctx.db.t.get({ a: 1 }, { sort: 'id' });", { db: () => [] });
  assert.equal(await none.call(), null);
  assert.equal(none.statements[0].sql, 'SELECT * FROM "t" WHERE "a" = $1 ORDER BY "id" LIMIT 1');
});

test("create one, many, none, with defaults", async () => {
  assert.deepEqual(await statements("await ctx.db.t.create({ a: 1, b: undefined, c: null, d: { x: 1 }, e: 12n });"), [
    ['INSERT INTO "t" ("a", "c", "d", "e") VALUES ($1, $2, $3, $4) RETURNING *', [1, null, { x: 1 }, "12"]],
  ]);
  assert.deepEqual(await statements("await ctx.db.t.create([{ a: 1 }, { b: 2 }]);"), [
    ['INSERT INTO "t" ("a", "b") VALUES ($1, DEFAULT), (DEFAULT, $2) RETURNING *', [1, 2]],
  ]);
  assert.deepEqual(await statements("await ctx.db.t.create({});"), [['INSERT INTO "t" DEFAULT VALUES RETURNING *', []]]);
  assert.deepEqual(await statements("await ctx.db.t.create([]);"), []);
  const one = await handling("return [await ctx.db.t.create({ a: 1 }), await ctx.db.t.create([{ a: 1 }]), await ctx.db.t.create({ a: 1 }, { returning: false })];", {
    db: (sql) => (sql.includes("RETURNING") ? [{ id: 5 }] : 1),
  });
  assert.deepEqual(await one.call(), [{ id: 5 }, [{ id: 5 }], 1]);
});

test("update and delete by key or filter", async () => {
  assert.deepEqual(await statements("await ctx.db.t.update(7, { a: 1, b: undefined });"), [['UPDATE "t" SET "a" = $1 WHERE "id" = $2 RETURNING *', [1, 7]]]);
  assert.deepEqual(await statements("await ctx.db.t.update({ x: null }, { a: [1, 2] }, { returning: ['id'] });"), [['UPDATE "t" SET "a" = $1 WHERE "x" IS NULL RETURNING "id"', [[1, 2]]]]);
  assert.deepEqual(await statements("await ctx.db.t.update({}, { a: 1 }, { all: true, returning: false });"), [['UPDATE "t" SET "a" = $1', [1]]]);
  assert.deepEqual(await statements("await ctx.db.t.delete('k');"), [['DELETE FROM "t" WHERE "id" = $1', ["k"]]]);
  assert.deepEqual(await statements("await ctx.db.t.delete({ a: 1 }, { returning: true });"), [['DELETE FROM "t" WHERE "a" = $1 RETURNING *', [1]]]);
});

test("what would find or change other rows than meant is refused", async () => {
  assert.match(await refusal("await ctx.db.t.delete({});"), /every row.*all: true/);
  assert.match(await refusal("await ctx.db.t.update({}, { a: 1 });"), /every row/);
  assert.match(await refusal("await ctx.db.t.update(undefined, { a: 1 });"), /needs the value of "id" or a filter, not undefined/);
  assert.match(await refusal("await ctx.db.t.update(1, {});"), /no column to set/);
  assert.match(await refusal("await ctx.db.t.list({ filter: { a: undefined } });"), /"a" is undefined/);
  assert.match(await refusal("await ctx.db.t.list({ filter: { a: { $gt: undefined } } });"), /\$gt is undefined/);
  assert.match(await refusal("await ctx.db.t.list({ filter: { a: { $regex: 'x' } } });"), /unknown operator \$regex.*\$eq, \$ne, \$gt/);
  assert.match(await refusal("await ctx.db.t.list({ filter: { $nor: [] } });"), /unknown operator \$nor.*\$and, \$or, \$not/);
  assert.match(await refusal("await ctx.db.t.list({ filter: { a: { $gt: 1, b: 2 } } });"), /mixes operators/);
  assert.match(await refusal("await ctx.db.t.list({ filters: {} });"), /no option "filters"/);
  assert.match(await refusal("await ctx.db.t.list({ limit: -1 });"), /limit is a whole number/);
  assert.match(await refusal("await ctx.db.t.get(1, { lock: 'exclusive' });"), /lock is one of "update"/);
  assert.match(await refusal("await ctx.db.t.list({ filter: { a: () => 1 } });"), /a function cannot be a value/);
});

test("query, exec, templates and batches", async () => {
  const made = await handling(
    `const rows = await ctx.db.query("SELECT $1::int AS n", [1]);
     const tagged = await ctx.db.sql\`SELECT \${"a"} AS x, \${2n} AS y\`;
     const batch = await ctx.db.batch(["SELECT 1", ["SELECT $1", [2]], { sql: "SELECT $1", params: [3] }]);
     return [rows, rows.columns, rows.rowCount, await ctx.db.exec("UPDATE t SET a = 1", [], { catch: false }), tagged, batch.length];`,
    { db: (sql) => (sql.startsWith("UPDATE") ? 3 : [{ n: 1 }]) },
  );
  assert.deepEqual(await made.call(), [[{ n: 1 }], ["n"], 1, 3, [{ n: 1 }], 3]);
  assert.deepEqual(made.statements[1], { sql: "SELECT $1 AS x, $2 AS y", params: ["a", "2"] });
  assert.deepEqual(made.statements.at(-1), { sql: "UPDATE t SET a = 1", params: [], catch: false });
  assert.deepEqual(made.calls[2].request.statements[1], { sql: "SELECT $1", params: [2] });
  assert.match(await refusal("await ctx.db.sql('SELECT 1');"), /sql is a tag/);
  assert.match(await refusal("await ctx.db.query('SELECT $1', 1);"), /parameters of a statement are an array/);
});

test("values that JSON lacks", async () => {
  const [[, params]] = await statements("await ctx.db.query('x', [NaN, -Infinity, 1n, undefined, new Date(0), new Uint8Array([1, 254]), [1n, NaN], new Float32Array([0.5])]);");
  assert.deepEqual(params, ["NaN", "-Infinity", "1", null, "1970-01-01T00:00:00.000Z", "\\x01fe", ["1", "NaN"], [0.5]]);
});

test("transactions keep, undo, nest, and do not overlap", async () => {
  const names = (made) => made.calls.map(({ name }) => name.replace("db_", ""));
  const kept = await handling("return ctx.db.transaction(async (tx) => { await tx.exec('x'); return 5; });", { db: () => 1 });
  assert.equal(await kept.call(), 5);
  assert.deepEqual(names(kept), ["savepoint", "query", "release"]);
  const nested = await handling(
    "return ctx.db.transaction(async (tx) => { try { await tx.transaction(async () => { throw new Error('inner'); }); } catch (e) { return e.message; } });",
  );
  assert.equal(await nested.call(), "inner");
  assert.deepEqual(names(nested), ["savepoint", "savepoint", "rollback", "release"]);
  const overlap = await handling(
    "const later = () => Promise.resolve().then(() => {}); await Promise.all([ctx.db.transaction(async () => { await later(); }), ctx.db.transaction(async () => { await later(); await later(); await later(); })]);",
  );
  assert.match((await failure(overlap.call())).message, /transactions overlap/);
});

test("a failed statement is a DatabaseError with Postgres' fields", async () => {
  const fields = { detail: "Key (slug)=(a) already exists.", constraint: "posts_slug_key", table: "posts", schema: "public" };
  const made = await handling(
    `try { await ctx.db.posts.create({ slug: "a" }); } catch (e) {
       return [e instanceof DatabaseError, e instanceof Error, e.name, e.code, e.message, e.detail, e.constraint, e.table, e.schema, e.query];
     }`,
    { db: () => { throw sqlError("23505", "duplicate key", fields); } },
  );
  assert.deepEqual(await made.call(), [
    true, true, "DatabaseError", "23505", "duplicate key", fields.detail, "posts_slug_key", "posts", "public",
    'INSERT INTO "posts" ("slug") VALUES ($1) RETURNING *',
  ]);
});

test("tables with the names of calls are had by table()", async () => {
  const made = await program("export default handler(async (ctx) => { const db = await ctx.db; return [typeof db.query, typeof db.posts.list, db.then === undefined]; });");
  assert.deepEqual(await made.call(), ["function", "function", true]);
});
