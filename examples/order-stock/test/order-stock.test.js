import assert from "node:assert/strict";
import test from "node:test";
import { load } from "@alyx/functions/testing";

const source = new URL("../src/index.ts", import.meta.url);
const order = (row) => ({ database: { op: "INSERT", timing: "BEFORE", level: "ROW", new: { id: 1, total_cents: null, ...row } } });
const teapot = { id: 1, name: "Teapot", stock: 10, price_cents: 2500 };

test("takes the pieces under a lock and completes the order", async () => {
  const stock = await load(source, { db: (sql) => (sql.startsWith("SELECT") ? [teapot] : 1) });
  assert.deepEqual(await stock.event(order({ product_id: 1, qty: 3 })), { row: { total_cents: 7500 } });
  const [look, take] = stock.statements;
  assert.equal(look.sql, 'SELECT * FROM "store"."products" WHERE "id" = $1 LIMIT 1 FOR UPDATE');
  assert.deepEqual(take, { sql: 'UPDATE "store"."products" SET "stock" = $1 WHERE "id" = $2', params: [7, 1] });
});

test("refuses more than there is, and says what and how much", async () => {
  const stock = await load(source, { db: () => [teapot] });
  await assert.rejects(stock.event(order({ product_id: 1, qty: 11 })), {
    code: "38000",
    message: 'only 10 of "Teapot" left',
    column: "qty",
    hint: "Order 10 or fewer.",
    detail: '{"code":"OUT_OF_STOCK","field":"qty","product":1,"available":10}',
  });
  assert.equal(stock.statements.length, 1, "nothing was changed");
});

test("refuses a product that is not there", async () => {
  const stock = await load(source, { db: () => [] });
  await assert.rejects(stock.event(order({ product_id: 9, qty: 1 })), { column: "product_id", message: "there is no product 9" });
});
