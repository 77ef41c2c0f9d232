import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import { load } from "@alyx/functions/testing";

const source = new URL("../src/index.ts", import.meta.url);
const env = { STRIPE_SECRET: "whsec_example" };
const body = JSON.stringify({
  id: "evt_1", type: "invoice.paid", created: 1767225600,
  data: { object: { id: "in_1", customer: "cus_1", amount_paid: 4200, currency: "eur" } },
});

function delivery({ secret = env.STRIPE_SECRET, seconds = Math.floor(Date.now() / 1000), text = body, more = "" } = {}) {
  const v1 = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return { method: "POST", path: "stripe", query: {}, headers: { "stripe-signature": `t=${seconds},${more}v1=${v1}` }, body: text };
}

const books = () => {
  const events = new Set();
  return (sql, params) => {
    if (!sql.startsWith("INSERT INTO billing.events")) return [{}];
    const isNew = !events.has(params[0]);
    events.add(params[0]);
    return isNew ? 1 : 0;
  };
};

test("books a signed event once", async () => {
  const webhook = await load(source, { env, db: books() });
  assert.deepEqual(await webhook.event({ trigger: "http", http: delivery() }), { received: true });
  const payment = webhook.statements.at(-1);
  assert.match(payment.sql, /^INSERT INTO "billing"\."payments"/);
  assert.deepEqual(payment.params, ["in_1", "cus_1", 4200, "eur", "2026-01-01T00:00:00.000Z"]);
  assert.deepEqual(await webhook.call(delivery()), { received: true, duplicate: true });
  assert.equal(webhook.statements.filter(({ sql }) => sql.includes("payments")).length, 1);
});

test("one valid signature among several is enough: secrets are rolled", async () => {
  const webhook = await load(source, { env, db: books() });
  assert.deepEqual(await webhook.call(delivery({ more: `v1=${"0".repeat(64)},v0=x,` })), { received: true });
});

test("refuses what Stripe did not sign, and what is old", async () => {
  const webhook = await load(source, { env, db: () => assert.fail("nothing may be written") });
  const refused = { code: "PT400" };
  await assert.rejects(webhook.call(delivery({ secret: "whsec_wrong" })), refused);
  await assert.rejects(webhook.call(delivery({ text: body.replace("4200", "1") })), refused);
  await assert.rejects(webhook.call(delivery({ seconds: Math.floor(Date.now() / 1000) - 301 })), refused);
  await assert.rejects(webhook.call({ headers: {}, body }), refused);
  await assert.rejects(webhook.call({ headers: { "stripe-signature": "t=1,v1=zz" }, body }), refused);
});
