// Invocations: one with what went in, came out and was logged, the list with its filters and its past, and the logs.

import assert from "node:assert/strict";
import { House } from "./house.js";
import { endAfterwards, inWindow } from "./window.js";

const house = await House.open("invocations");
endAfterwards(house);
await house.deploy("check", "validate-json", "description: Checks documents\n");
await house.deploy("create-post", "create-post", "database: write\n");
house.createPosts();
const HOSTILE = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
const posted = await house.call("create-post", { title: "Grüße, Ada" });
const hostile = await house.call("create-post", { title: HOSTILE.slice(0, 200) });
const refused = await house.call("check", { name: "", email: "ada@example.com" });
const long = await house.call("check", { name: "Ada", email: "ada@example.com", tags: Array.from({ length: 10 }, (_, n) => `${n}`.padEnd(400, "x")) });
const silent = await house.request("POST", "/functions/v1/create-post", { body: null });
house.sql(`SELECT fn_invoke('check', '{"name": "By SQL", "email": "sql@example.com"}')`, "dev");
house.drain();
const RECORDED = 6;

const dev = { token: house.token() };

async function openInvocation(window, { id }) {
  await window.go(`invocations/${id}`);
  await window.id("attempt").waitFor();
}

inWindow("an invocation shows what went in, came out and was logged", house, dev, async (window) => {
  await window.id("nav-invocations").click();
  await window.counts(window.rows("invocation-row"), RECORDED);
  await window.page.locator(`[data-testid="invocation-row"][data-key^="${posted.id}"]`).getByTestId("invocation-link").click();
  await window.shows("invocation-id", posted.id);
  await window.shows("attempt", /ok/);
  assert.deepEqual(JSON.parse(await window.id("input").innerText()), { title: "Grüße, Ada" });
  assert.deepEqual(JSON.parse(await window.id("output").innerText()), posted.body);
  await window.shows("logs", /info.*post created/s);
  assert.match(await window.id("duration").innerText(), /^[\d.]+ (µs|ms|s)$/);
  assert.match(await window.id("memory").innerText(), /^[\d.]+ [KM]iB$/);
  assert.equal(await window.id("cut").count() + await window.id("error").count() + await window.id("sqlstate").count(), 0);
  await window.page.goBack();
  await window.counts(window.rows("invocation-row"), RECORDED);
});

inWindow("one that failed shows its error", house, dev, async (window) => {
  await openInvocation(window, refused);
  await window.shows("error", /the document is not valid: name/);
  await window.shows("sqlstate", new RegExp(`^${refused.body.error.code}$`));
  assert.deepEqual(JSON.parse(await window.id("input").innerText()), { name: "", email: "ada@example.com" });
  await window.shows("output", /^not recorded$/);
  await window.id("no-logs").waitFor();
});

inWindow("what was cut is shown as the beginning that it is", house, dev, async (window) => {
  await openInvocation(window, long);
  await window.counts(window.id("cut"), 2);
  const shown = await window.id("input").innerText();
  assert.match(shown, /^\{"/);
  assert.throws(() => JSON.parse(shown));
  await window.shows("output", /"tags":/);
});

inWindow("null that was recorded is null", house, dev, async (window) => {
  await openInvocation(window, silent);
  await window.shows("input", /^null$/);
  await window.shows("error", "a post needs a title");
});

inWindow("text stays text, whatever it says", house, dev, async (window) => {
  await openInvocation(window, hostile);
  await window.shows("input", "<img src=x onerror=");
  await window.go("functions/create-post");
  await window.shows("invocation-row", "ok");
  assert.equal(await window.page.locator("main img, main script").count(), 0);
  assert.equal(await window.page.title(), "create-post · alyx");
});

inWindow("filters stand in the address, and can be cleared", house, dev, async (window) => {
  await window.id("nav-invocations").click();
  await window.counts(window.rows("invocation-row"), RECORDED);
  await window.id("filter-status").selectOption("error");
  await window.counts(window.rows("invocation-row"), 2);
  await window.id("filter-function").fill("check");
  await window.counts(window.rows("invocation-row"), 1);
  await window.shows("invocation-row", "the document is not valid");
  assert.match(window.page.url(), /#\/invocations\?status=error&function=check$/);
  await window.id("filter-status").selectOption("");
  await window.id("filter-trigger").selectOption("sql");
  await window.counts(window.rows("invocation-row"), 1);
  await window.id("filter-status").selectOption("trap");
  await window.id("no-invocations").waitFor();
  await window.id("clear-filters").click();
  await window.counts(window.rows("invocation-row"), RECORDED);
  await window.go("invocations?status=error");
  await window.counts(window.rows("invocation-row"), 2);
  assert.equal(await window.id("filter-status").inputValue(), "error");
});

inWindow("logs are found by function and level, and lead to the invocation", house, dev, async (window) => {
  await window.id("nav-logs").click();
  await window.counts(window.rows("log-row"), 2);
  await window.id("filter-level").selectOption("error");
  await window.id("no-logs").waitFor();
  await window.id("clear-filters").click();
  await window.id("filter-function").fill("create-post");
  await window.counts(window.rows("log-row"), 2);
  await window.rows("log-row").last().locator('[data-column="time"] a').click();
  await window.shows("invocation-id", posted.id);
});

inWindow("what is not there is said so", house, dev, async (window) => {
  window.allow(/status of 404/);
  await window.go("invocations/00000000-0000-0000-0000-000000000000");
  await window.shows("error-message", "there is no record of this invocation");
  await window.go("nowhere");
  await window.page.getByRole("heading", { name: "Not found" }).waitFor();
});

inWindow("the past comes page by page, and stays when something new comes", house, dev, async (window) => {
  house.sql(`SELECT fn_invoke('check', pg_catalog.jsonb_build_object('name', 'n' || n, 'email', 'a@b.co')) FROM generate_series(1, 70) n`, "dev");
  house.drain();
  await window.id("nav-invocations").click();
  await window.counts(window.rows("invocation-row"), 50);
  await window.id("load-older").click();
  await window.counts(window.rows("invocation-row"), RECORDED + 70);
  await window.id("no-older").waitFor();
  await window.isLive();
  await house.call("check", { name: "New", email: "new@example.com" });
  house.drain();
  await window.counts(window.rows("invocation-row"), RECORDED + 71);
  await window.id("no-older").waitFor();
});
