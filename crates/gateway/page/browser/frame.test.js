// The frame: keys, colours, a narrow window, and what those hear who do not see it.

import assert from "node:assert/strict";
import { House } from "./house.js";
import { endAfterwards, inWindow } from "./window.js";

const house = await House.open("frame");
endAfterwards(house);
const LONG = `a${"-very-long-name".repeat(4)}`.slice(0, 63);
await house.deploy(LONG, "validate-json", `description: ${"Words without end ".repeat(12)}\nretry: {attempts: 1}\nhooks: [{type: http, methods: [GET, POST], path: ${"deep/".repeat(12)}end, auth: none}, {type: schedule, cron: '*/5 * * * *'}]\n`);
await house.deploy("create-post", "create-post", "database: write\nretry: {attempts: 1}\n");
house.createPosts();
await house.call("create-post", { title: "x".repeat(180) });
const refused = await house.call(LONG, { ["k".repeat(300)]: "v".repeat(300) });
const posted = await house.call("create-post", { title: "Narrow" });
house.enqueue(LONG, { text: "y".repeat(500) });
house.enqueue(LONG, { text: "z".repeat(500) }, "now() + interval '1 day'");
house.drain();

const dev = { token: house.token() };
const PLACES = ["functions", `functions/${LONG}`, "invocations", `invocations/${refused.id}`, `invocations/${posted.id}`, "jobs", "jobs/dead", "schedules", "logs"];
const hash = (window) => window.page.evaluate(() => location.hash);
const background = (window) => window.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const brightness = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;

async function settled(window) {
  await window.page.waitForFunction(() => !document.querySelector('[data-testid="loading"]'));
}

inWindow("keys lead everywhere", house, dev, async (window) => {
  const { keyboard } = window.page;
  for (const [key, place] of [["i", "invocations"], ["j", "jobs"], ["s", "schedules"], ["l", "logs"], ["f", "functions"]]) {
    await keyboard.press("g");
    await keyboard.press(key);
    await window.page.locator(`[data-testid="nav-${place}"][aria-current="page"]`).waitFor();
    assert.equal(await hash(window), `#/${place}`);
  }
  await window.id("search").waitFor();
  // Alone it does nothing, and not in a page that was opened a moment ago either; in a field it is a letter.
  await window.page.evaluate(() => (performance.now = () => 700));
  await keyboard.press("i");
  await keyboard.press("/");
  assert.equal(await window.page.evaluate(() => document.activeElement?.dataset.testid), "search");
  await keyboard.type("gi?");
  assert.equal(await window.id("search").inputValue(), "gi?");
  assert.equal(await hash(window), "#/functions");
  await keyboard.press("Escape");
  assert.notEqual(await window.page.evaluate(() => document.activeElement?.dataset.testid), "search");
  await keyboard.press("?");
  await window.id("keys-dialog").waitFor();
  await keyboard.press("g");
  await keyboard.press("j");
  assert.equal(await hash(window), "#/functions");
  await keyboard.press("Escape");
  await window.lacks("keys-dialog");
  await window.id("keys").click();
  await window.id("keys-close").click();
  await window.lacks("keys-dialog");
});

inWindow("all of it can be done by Tab and Enter", house, dev, async (window) => {
  await window.shows("function-row", "create-post");
  const { keyboard } = window.page;
  await window.id("search").focus();
  const seen = [];
  for (let n = 0; n < 20 && !seen.includes("function-link"); n++) {
    await keyboard.press("Tab");
    seen.push(await window.page.evaluate(() => document.activeElement?.dataset.testid ?? ""));
  }
  assert.ok(seen.includes("sort-name") && seen.includes("function-link"), `${seen}`);
  await keyboard.press("Enter");
  await window.shows("function-name", LONG);
  // The heading has the focus, so that it is read out.
  assert.equal(await window.page.evaluate(() => document.activeElement?.dataset.testid), "function-name");
});

inWindow("colours follow the system until they are chosen, and the choice is kept", house, dev, async (window) => {
  await window.go(`functions/${LONG}`);
  await window.id("chart-rate").waitFor();
  const theme = window.id("theme");
  const light = await background(window);
  assert.ok(brightness(light) > 200, light);
  await window.page.emulateMedia({ colorScheme: "dark" });
  const dark = await background(window);
  assert.ok(brightness(dark) < 60, dark);
  assert.match(await theme.getAttribute("aria-label"), /auto/);
  await theme.click();
  assert.equal(await background(window), light);
  await window.page.emulateMedia({ colorScheme: "light" });
  await theme.click();
  assert.match(await theme.getAttribute("aria-label"), /dark/);
  assert.equal(await background(window), dark);
  await window.page.reload();
  assert.equal(await background(window), dark);
  await window.id("theme").click();
  assert.equal(await background(window), light);
  assert.equal(await window.page.evaluate(() => localStorage.length), 0);
});

inWindow("nothing is wider than a window of 360 px", house, { width: 360, height: 740 }, async (window) => {
  assert.equal(await window.overhang(), 0, "sign in");
  await window.signIn(house.token());
  for (const place of PLACES) {
    await window.go(place);
    await settled(window);
    await window.page.locator("main h1").first().waitFor();
    for (const button of await window.id("open-row").all()) await button.click();
    assert.equal(await window.overhang(), 0, place);
  }
  await window.go("jobs/dead");
  await window.id("discard").first().click();
  await window.id("confirm").waitFor();
  assert.equal(await window.overhang(), 0, "question");
  await window.id("confirm-no").click();
  await window.id("keys").click();
  assert.equal(await window.overhang(), 0, "keys");
});

inWindow("in a wide window nothing sticks out either", house, dev, async (window) => {
  for (const place of PLACES) {
    await window.go(place);
    await settled(window);
    for (const button of await window.id("open-row").all()) await button.click();
    assert.equal(await window.overhang(), 0, place);
  }
});

inWindow("whatever can be pressed has a name", house, dev, async (window) => {
  for (const place of PLACES) {
    await window.go(place);
    await settled(window);
    const nameless = await window.page.evaluate(() => [...document.querySelectorAll("button, a[href], input, select")]
      .filter((element) => !(element.getAttribute("aria-label") || element.textContent?.trim() || element.labels?.length)).map((element) => element.outerHTML));
    assert.deepEqual(nameless, [], place);
  }
});
