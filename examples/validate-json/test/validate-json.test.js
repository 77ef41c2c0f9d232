import assert from "node:assert/strict";
import test from "node:test";
import { load } from "@alyx/functions/testing";

const source = new URL("../src/index.ts", import.meta.url);
const insert = (payload) => ({ database: { op: "INSERT", timing: "BEFORE", level: "ROW", new: { id: 1, payload } } });

test("a document is tidied and completed", async () => {
  const validate = await load(source);
  const outcome = await validate.event(insert({ name: "  Ada ", email: "Ada@Example.com" }));
  assert.deepEqual(outcome, { row: { payload: { name: "Ada", email: "ada@example.com", tags: [] } } });
});

test("one that needs nothing is not written again", async () => {
  const validate = await load(source);
  assert.equal(await validate.event(insert({ name: "Ada", email: "ada@example.com", tags: [] })), undefined);
});

test("everything that is wrong is told, with its path", async () => {
  const validate = await load(source);
  const refusal = await validate.event(insert({ name: "", email: "ada@example.com", address: { city: "Ulm", zip: "1" } })).then(assert.fail, (error) => error);
  assert.equal(refusal.column, "name");
  const { code, issues } = JSON.parse(refusal.detail);
  assert.equal(code, "INVALID_DOCUMENT");
  assert.deepEqual(issues.map(({ path }) => path), ["name", "address.zip"]);
});

test("by SQL the document comes back", async () => {
  const validate = await load(source);
  assert.deepEqual(await validate.call({ name: "Bob", email: "b@example.com", tags: ["x"] }), { name: "Bob", email: "b@example.com", tags: ["x"] });
  await assert.rejects(validate.call({ name: "Bob" }), { column: "email" });
  await assert.rejects(validate.call({ name: "Bob", email: "b@example.com", admin: true }), /admin/);
});
