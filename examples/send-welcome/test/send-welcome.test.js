import assert from "node:assert/strict";
import test from "node:test";
import { load } from "@alyx/functions/testing";

const source = new URL("../src/index.ts", import.meta.url);
const env = { MAIL_API: "https://api.mail.example/v1/messages", MAIL_KEY: "key" };
const event = (row) => ({ id: "job-1", trigger: "database", attempt: 2, database: { op: "INSERT", timing: "AFTER", level: "ROW", new: row } });
const ada = { id: 7, name: "Ada", email: "ada@example.com", welcomed_at: null };

test("sends one message, with the job's id as its key, and remembers it", async () => {
  let request;
  const welcome = await load(source, { env, db: () => 1, fetch: (asked) => { request = asked; return { status: 202 }; } });
  await welcome.event(event(ada));
  assert.equal(request.url, env.MAIL_API);
  assert.equal(request.headers["idempotency-key"], "job-1");
  assert.equal(request.headers.authorization, "Bearer key");
  assert.deepEqual(JSON.parse(request.body), { to: "ada@example.com", subject: "Welcome, Ada!", text: "Hello Ada, good to have you here." });
  assert.match(welcome.statements[0].sql, /^UPDATE "welcome"\."users" SET "welcomed_at" = \$1 WHERE "id" = \$2$/);
  assert.equal(welcome.statements[0].params[1], 7);
});

test("a service that is busy says when to come again", async () => {
  const welcome = await load(source, { env, fetch: () => ({ status: 429, headers: { "retry-after": "30" } }) });
  await assert.rejects(welcome.event(event(ada)), { message: /429/, retry_after_ms: 30000 });
});

test("a refusal and a missing address are final", async () => {
  const welcome = await load(source, { env, fetch: () => ({ status: 422, body: "bad address" }) });
  await assert.rejects(welcome.event(event(ada)), { non_retryable: true, detail: /bad address/ });
  await assert.rejects(welcome.event(event({ ...ada, email: null })), { non_retryable: true, message: "user 7 has no e-mail address" });
});
