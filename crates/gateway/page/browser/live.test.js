// What happens is shown as it happens, without a reload, and goes on after the gateway was away.

import assert from "node:assert/strict";
import { House } from "./house.js";
import { endAfterwards, inWindow } from "./window.js";

const house = await House.open("live");
endAfterwards(house);
await house.deploy("check", "validate-json");
const GOOD = { name: "Ada", email: "ada@example.com" };
await house.call("check", GOOD);
house.drain();
const dev = { token: house.token() };
const state = (window, name) => window.page.locator(`[data-testid="live"][data-state="${name}"]`).waitFor();

async function countRows(window) {
  house.drain();
  const recorded = (await house.items("invocations")).length;
  await window.counts(window.rows("invocation-row"), recorded);
  return recorded;
}

inWindow("a call, a deploy and a job appear without a reload", house, dev, async (window) => {
  await window.go("functions/check");
  await window.counts(window.rows("invocation-row"), 1);
  await window.isLive();
  await window.mark();
  await house.call("check", { name: "" });
  await window.counts(window.rows("invocation-row"), 2);
  await window.shows("invocation-row", "the document is not valid");
  await window.shows("calls", /^2$/);
  await window.shows("errors", /^1 50 %$/);
  await house.deploy("check", "validate-json", "description: Now with words\n");
  await window.shows("description", "Now with words");
  await window.counts(window.rows("version-row"), 2);
  await window.id("nav-functions").click();
  await house.deploy("another", "validate-json");
  await window.shows("function-row", "another");
  await window.id("nav-jobs").click();
  await window.id("no-jobs").waitFor();
  house.enqueue("check", GOOD, "now() + interval '1 hour'");
  await window.shows("job-row", "check");
  assert.ok(await window.isSameDocument());
});

inWindow("what the reader does is left alone by what comes", house, dev, async (window) => {
  await window.go("functions/check");
  await window.isLive();
  await window.page.locator('[data-testid="version-row"][data-key="2"]').getByTestId("open-row").click();
  await window.id("manifest").focus();
  const before = await countRows(window);
  await house.call("check", GOOD);
  await window.counts(window.rows("invocation-row"), before + 1);
  assert.equal(await window.page.evaluate(() => document.activeElement?.dataset.testid), "manifest");
});

inWindow("while it is paused nothing changes; afterwards all of it is there", house, dev, async (window) => {
  await window.id("nav-invocations").click();
  await window.isLive();
  const before = await countRows(window);
  await window.id("live").click();
  await state(window, "paused");
  await house.call("check", GOOD);
  house.drain();
  await window.page.waitForTimeout(3000);
  assert.equal(await window.rows("invocation-row").count(), before);
  await window.id("live").click();
  await window.counts(window.rows("invocation-row"), before + 1);
  await state(window, "live");
});

inWindow("the gateway goes and comes back", house, dev, async (window) => {
  window.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/);
  await window.id("nav-invocations").click();
  await window.isLive();
  await window.mark();
  const before = await countRows(window);
  await house.stop();
  await state(window, "reconnecting");
  // What was there stays, and an action tells what is the matter.
  assert.equal(await window.rows("invocation-row").count(), before);
  await window.id("nav-functions").click();
  await window.rows("function-row", "check").getByTestId("pause").click();
  await window.shows("notice-error", "the gateway cannot be reached");
  await window.id("nav-invocations").click();
  await house.start();
  await house.call("check", GOOD);
  await state(window, "live");
  await window.counts(window.rows("invocation-row"), before + 1);
  await window.lacks("failure");
  assert.ok(await window.isSameDocument());
});
