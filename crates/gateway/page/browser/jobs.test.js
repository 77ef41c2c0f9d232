// Jobs that wait, run and are dead: cancelled, replayed, discarded, each after a question where nothing brings it back.

import assert from "node:assert/strict";
import { House, until } from "./house.js";
import { endAfterwards, inWindow } from "./window.js";

const house = await House.open("jobs");
endAfterwards(house);
await house.deploy("create-post", "create-post", "database: write\ntimeout: 1m\nretry: {attempts: 1}\n");
await house.deploy("retried", "create-post", "database: write\nretry: {attempts: 5, base: 1h}\n");

const dev = { token: house.token() };
const row = (window, testid, id) => window.page.locator(`[data-testid="${testid}"][data-key="${id}"]`);

async function die(input) {
  const id = house.enqueue("create-post", input);
  await until("the job is dead", async () => (await house.items("dead-jobs")).some((job) => job.id === id));
  return id;
}

inWindow("a dead job tells its errors, is replayed, and then is an invocation", house, dev, async (window) => {
  // There is no table yet.
  const id = await die({ title: "From the dead" });
  await window.id("nav-jobs").click();
  await window.id("tab-dead-jobs").click();
  await row(window, "dead-job-row", id).getByTestId("open-row").click();
  await window.shows("error-history", /42P01.*blog\.posts/s);
  await window.shows("input", /From the dead/);
  house.createPosts();
  await row(window, "dead-job-row", id).getByTestId("replay").click();
  await window.shows("notice", "1 job is back in the queue");
  await window.id("no-dead-jobs").waitFor();
  await until("it has run", () => house.sql("SELECT slug FROM blog.posts") === "from-the-dead");
  house.drain();
  await window.id("nav-invocations").click();
  await window.counts(window.rows("invocation-row", "queue"), 2);
  await window.rows("invocation-row", "ok").getByTestId("invocation-link").click();
  await window.counts(window.id("attempt"), 2);
});

inWindow("a dead job is discarded for good, after a question", house, dev, async (window) => {
  const id = await die({ title: "" });
  await window.go("jobs/dead");
  await row(window, "dead-job-row", id).getByTestId("discard").click();
  await window.shows("confirm", "It cannot be replayed afterwards");
  await window.page.keyboard.press("Escape");
  await window.lacks("confirm");
  await row(window, "dead-job-row", id).waitFor();
  await row(window, "dead-job-row", id).getByTestId("discard").click();
  await window.confirm();
  await window.shows("notice", "a dead job of create-post is discarded");
  await window.id("no-dead-jobs").waitFor();
  assert.deepEqual(await house.items("dead-jobs"), []);
});

inWindow("all dead jobs of a function are replayed at once", house, dev, async (window) => {
  house.sql("ALTER TABLE blog.posts RENAME TO hidden", "dev");
  const ids = [await die({ title: "One" }), await die({ title: "Two" })];
  await window.go("functions/create-post");
  for (const id of ids) await row(window, "dead-job-row", id).waitFor();
  house.sql("ALTER TABLE blog.hidden RENAME TO posts", "dev");
  await window.id("replay-all").click();
  await window.confirm();
  await window.shows("notice", "2 jobs are back in the queue");
  await window.id("no-dead-jobs").waitFor();
  await until("both have run", () => house.sql("SELECT count(*) FROM blog.posts WHERE slug IN ('one', 'two')") === "2");
});

inWindow("a job that waits is cancelled, and then is dead", house, dev, async (window) => {
  const id = house.enqueue("create-post", { title: "Later" }, "now() + interval '90 minutes'");
  await window.id("nav-jobs").click();
  const job = row(window, "job-row", id);
  await job.filter({ hasText: "scheduled" }).filter({ hasText: "in 1 h" }).waitFor();
  await job.getByTestId("open-row").click();
  await window.shows("input", /Later/);
  await job.getByTestId("cancel").click();
  await window.shows("confirm", "It will not run");
  await window.confirm();
  await window.shows("notice", "a job of create-post is cancelled");
  await window.id("no-jobs").waitFor();
  await window.id("tab-dead-jobs").click();
  await row(window, "dead-job-row", id).filter({ hasText: "cancel" }).waitFor();
  await row(window, "dead-job-row", id).getByTestId("discard").click();
  await window.confirm();
});

inWindow("a job that runs is stopped", house, dev, async (window) => {
  const lock = house.session("BEGIN; LOCK TABLE blog.posts; SELECT pg_sleep(60);", "dev");
  await until("the table is locked", () => house.sql("SELECT count(*) FROM pg_locks WHERE relation = 'blog.posts'::regclass AND granted") !== "0");
  const id = house.enqueue("create-post", { title: "Waits for a lock" });
  await window.id("nav-jobs").click();
  const job = row(window, "job-row", id);
  await job.filter({ hasText: "running" }).waitFor();
  await job.getByTestId("cancel").click();
  await window.shows("confirm", "Its attempt is stopped");
  await window.confirm();
  await window.id("no-jobs").waitFor();
  assert.notEqual(house.sql("SELECT count(*) FROM pg_locks WHERE relation = 'blog.posts'::regclass AND granted"), "0");
  lock.kill();
  house.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()");
  assert.equal(house.sql("SELECT count(*) FROM blog.posts WHERE slug = 'waits-for-a-lock'"), "0");
  const [dead] = await house.items("dead-jobs");
  assert.equal(dead.id, id);
});

inWindow("jobs are filtered by function and status", house, dev, async (window) => {
  const later = house.enqueue("create-post", { title: "Much later" }, "now() + interval '2 days'");
  const again = house.enqueue("retried", { title: "" });
  await window.go("jobs");
  await row(window, "job-row", again).filter({ hasText: "retrying" }).filter({ hasText: "a post needs a title" }).waitFor();
  await row(window, "job-row", later).waitFor();
  await window.id("filter-status").selectOption("retrying");
  await window.counts(window.rows("job-row"), 1);
  await window.id("filter-function").fill("create-post");
  await window.id("no-jobs").waitFor();
  await window.id("clear-filters").click();
  await window.counts(window.rows("job-row"), 2);
});

inWindow("a job that is gone is said to be", house, dev, async (window) => {
  window.allow(/status of 404/);
  await window.go("jobs/dead");
  const id = await die({ title: "" });
  await row(window, "dead-job-row", id).waitFor();
  await window.id("live").click();
  await window.page.locator('[data-testid="live"][data-state="paused"]').waitFor();
  await house.request("DELETE", `/admin/v1/dead-jobs/${id}`);
  await row(window, "dead-job-row", id).getByTestId("replay").click();
  await window.shows("notice-error", "there is no such job");
  await row(window, "dead-job-row", id).waitFor({ state: "detached" });
});
