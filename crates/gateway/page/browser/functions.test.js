// The list of functions and the page of one: whose they are, what they have done, versions and the way back, pause and resume.

import assert from "node:assert/strict";
import { House, until } from "./house.js";
import { endAfterwards, inWindow } from "./window.js";

const house = await House.open("functions");
endAfterwards(house);
await house.deploy("check", "validate-json", "description: Checks documents\nhooks: [{type: http, methods: [POST, PUT], path: documents, auth: required}]\n");
await house.deploy("check", "validate-json", "description: Checks documents strictly\ndatabase: none\ntimeout: 2s\n");
await house.deploy("create-post", "create-post", "description: Stores a post\ndatabase: write\n");
await house.deploy("others", "validate-json", "", "other");
const GOOD = { name: "Ada", email: "ada@example.com" };
for (let n = 0; n < 6; n++) await house.call("check", GOOD);
for (let n = 0; n < 2; n++) await house.call("check", { name: "" });

house.drain();
await until("the minute is stored", async () => (await house.items("stats/minutes?function=check")).length > 0);

const dev = { token: house.token("dev") };
const cell = (row, column) => row.locator(`[data-column="${column}"]`);

inWindow("each role sees the functions that it owns", house, dev, async (window) => {
  await window.shows("functions-count", /^2$/);
  const row = window.rows("function-row", "check");
  assert.equal(await cell(row, "owner").innerText(), "dev");
  assert.equal(await cell(row, "version").innerText(), "2");
  await cell(row, "calls").filter({ hasText: "8" }).waitFor();
  assert.equal(await cell(row, "errors").innerText(), "25 %");
  assert.match(await cell(row, "p95").innerText(), /^[\d.]+ (µs|ms|s)$/);
  assert.equal(await window.rows("function-row", "others").count(), 0);
});

inWindow("another developer sees nothing of it", house, { token: house.token("other") }, async (window) => {
  await window.shows("functions-count", /^1$/);
  await window.shows("function-row", "others");
  for (const place of ["invocations", "jobs", "jobs/dead", "schedules", "logs"]) {
    await window.go(place);
    await window.page.locator('[data-testid^="no-"]').waitFor();
    assert.equal(await window.page.locator("main").getByText("check", { exact: true }).count(), 0, place);
  }
  await window.go("functions/check");
  await window.id("not-deployed").waitFor();
  await window.shows("calls", /^0$/);
  assert.equal(await window.id("versions").count(), 0);
});

inWindow("who owns nothing is told how to begin", house, { token: house.token("app_user") }, async (window) => {
  await window.shows("empty", /alyx deploy/);
});

inWindow("the list is searched and sorted", house, dev, async (window) => {
  await window.id("search").fill("strictly CHECK");
  await window.shows("functions-count", "1 of 2");
  await window.counts(window.rows("function-row"), 1);
  await window.id("search").fill("nothing has this");
  await window.shows("empty", "No function has all of these words");
  await window.id("search").fill("");
  await window.id("sort-calls").click();
  assert.deepEqual(await window.id("function-link").allInnerTexts(), ["check", "create-post"]);
  await window.id("sort-name").click();
  await window.id("sort-name").click();
  assert.deepEqual(await window.id("function-link").allInnerTexts(), ["create-post", "check"]);
});

inWindow("the page of a function has its facts, numbers and charts", house, dev, async (window) => {
  await window.rows("function-row", "check").getByTestId("function-link").click();
  await window.shows("function-name", "check");
  assert.equal(await window.page.title(), "check · alyx");
  await window.shows("description", "strictly");
  await window.shows("facts", /Owner\s*dev/);
  await window.shows("calls", /^8$/);
  await window.shows("errors", /^2 25 %$/);
  await window.shows("chart-rate", "8 calls in the last hour");
  await window.shows("chart-errors", "2 in the last hour");
  await window.shows("chart-p95", /s at most in the last hour/);
  for (const chart of ["chart-rate", "chart-errors", "chart-p95"]) assert.ok(await isDrawn(window, chart), `${chart} is empty`);
  await window.id("window-1440").click();
  await window.shows("chart-rate", "8 calls in the last 24 hours");
  assert.equal(await window.id("window-1440").getAttribute("aria-pressed"), "true");
  const box = await window.id("chart-rate").locator(".u-over").boundingBox();
  await window.page.mouse.move(box.x + box.width - 2, box.y + box.height / 2);
  await window.shows("chart-rate", /\d\d:\d\d\s+[\d.]+\/min/);
  await window.id("all-invocations").click();
  await window.counts(window.rows("invocation-row"), 8);
  assert.equal(await window.id("filter-function").inputValue(), "check");
});

inWindow("a minute that is stored late is shown, although nothing happens any more", house, {}, async (window) => {
  await window.page.clock.install();
  await window.signIn(house.token());
  await window.go("functions/create-post");
  await window.shows("chart-rate", "0 calls in the last hour");
  await window.isLive();
  await house.call("create-post", {});
  await window.shows("calls", /^1$/);
  house.drain();
  await window.page.clock.fastForward(31_000);
  await window.shows("chart-rate", "1 call in the last hour");
});

/** Whether something in the colour of the series is on the canvas. */
async function isDrawn(window, testid) {
  return window.id(testid).locator(".plot").evaluate((plot) => {
    const [red, green, blue] = getComputedStyle(plot).color.match(/\d+/g).map(Number);
    const canvas = plot.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) if (Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue) < 12 && data[at + 3] > 200) count += 1;
    return count > 4;
  });
}

inWindow("a version comes back after it has been asked for twice", house, dev, async (window) => {
  await window.go("functions/check");
  const first = window.page.locator('[data-testid="version-row"][data-key="1"]');
  const isCurrent = (version) => window.page.locator(`[data-testid="version-row"][data-key="${version}"]`).getByTestId("current").waitFor();
  await isCurrent(2);
  await first.getByTestId("open-row").click();
  await window.shows("manifest", /methods: \[POST, PUT\]/);
  await first.getByTestId("rollback").click();
  await window.shows("confirm", "Roll check back?");
  await window.id("confirm-no").click();
  assert.equal((await house.items("functions?function=check"))[0].version, 2);
  await first.getByTestId("rollback").click();
  await window.confirm();
  await window.shows("notice", "version 1 of check is current");
  await isCurrent(1);
  assert.equal((await house.items("functions?function=check"))[0].version, 1);
  assert.equal((await house.request("PUT", "/functions/v1/check/documents", { body: GOOD })).status, 200);
  await window.shows("hooks", /http.*POST, PUT.*documents/);
  // The manifest that was opened is still open.
  await window.shows("manifest", /methods/);
  await window.page.locator('[data-testid="version-row"][data-key="2"]').getByTestId("rollback").click();
  await window.confirm();
  await isCurrent(2);
});

inWindow("a paused function keeps its jobs until it is resumed", house, dev, async (window) => {
  house.createPosts();
  await window.rows("function-row", "create-post").getByTestId("pause").click();
  await window.shows("notice", "create-post is paused");
  await window.rows("function-row", "create-post").getByTestId("paused").waitFor();
  const id = house.enqueue("create-post", { title: "Waits" });
  await window.id("nav-jobs").click();
  await window.page.locator(`[data-testid="job-row"][data-key="${id}"]`).waitFor();
  await window.go("functions/create-post");
  await window.id("paused").waitFor();
  assert.equal(house.sql("SELECT count(*) FROM blog.posts"), "0");
  await window.id("resume").click();
  await window.shows("notice", "create-post is resumed");
  await window.lacks("paused");
  await until("the job has run", () => house.sql("SELECT count(*) FROM blog.posts") === "1");
  await window.id("nav-jobs").click();
  await window.id("no-jobs").waitFor();
});
