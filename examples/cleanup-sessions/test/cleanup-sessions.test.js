import assert from "node:assert/strict";
import test from "node:test";
import { load } from "@alyx/functions/testing";

const source = new URL("../src/index.ts", import.meta.url);

test("deletes in batches until one is not full", async () => {
  const left = [100, 100, 30];
  const cleanup = await load(source, { db: () => left.shift() });
  assert.deepEqual(await cleanup.call({ batch: 100 }), { deleted: 230 });
  assert.equal(cleanup.statements.length, 3);
  assert.equal(cleanup.logs[0].fields.deleted, 230);
});

test("leaves the rest to the next run", async () => {
  const cleanup = await load(source, { db: () => 10 });
  assert.deepEqual(await cleanup.call({ batch: 10, max_batches: 4 }), { deleted: 40 });
});

test("a late run counts from the instant that it is for", async () => {
  const cleanup = await load(source, { db: () => 0 });
  const schedule = { scheduled_at: "2026-03-01T12:00:00Z", previous_at: null, missed: 3, timezone: "UTC" };
  assert.deepEqual(await cleanup.event({ trigger: "schedule", input: { keep_minutes: 60 }, schedule }), { deleted: 0 });
  assert.deepEqual(cleanup.statements[0].params, ["2026-03-01T11:00:00.000Z", 1000]);
  assert.deepEqual(cleanup.calls.find(({ name }) => name === "kv_set").request.value, { at: "2026-03-01T12:00:00.000Z", deleted: 0 });
  assert.equal(cleanup.logs.length, 0, "nothing to tell");
});
