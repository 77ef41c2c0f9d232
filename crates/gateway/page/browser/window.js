// A window of Debian's Chromium on the page of a house. What the page complains of is kept, and asked for at the end: an
// error in the console, a breach of the content security policy, a request to elsewhere.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const DIST = process.env.ALYX_PAGE_DIST ?? join(dirname(fileURLToPath(import.meta.url)), "../dist");
const PATIENCE_MS = 20_000;

let browser = null;

async function launch() {
  const executablePath = (process.env.PATH ?? "").split(":").map((folder) => join(folder, "chromium")).find(existsSync);
  assert.ok(executablePath, "there is no chromium: apt-get install chromium");
  return chromium.launch({ executablePath, args: ["--disable-dev-shm-usage"] });
}

export async function closeBrowser() {
  await browser?.close();
  browser = null;
}

/** A test in a window of its own. When it fails, what the window showed is kept, and where is said. */
export function inWindow(name, house, options, body) {
  test(name, async () => {
    const window = await Window.open(house, options);
    try {
      await body(window);
    } catch (error) {
      const picture = join(tmpdir(), `alyx-page-${house.database}-${Date.now()}.png`);
      await window.page.screenshot({ path: picture }).catch(() => {});
      throw new Error([error.message, `what was shown: ${picture}`, ...window.complaints].join("\n"), { cause: error });
    }
    await window.close();
  });
}

/** Ends what the tests of a file have used. */
export function endAfterwards(house) {
  after(async () => {
    await closeBrowser();
    await house.stop();
  });
}

export class Window {
  #allowed = [];
  complaints = [];

  static async open(house, { width = 1280, height = 800, colours = "light", token } = {}) {
    browser ??= await launch();
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: colours, reducedMotion: "reduce", timezoneId: "UTC" });
    const window = new Window(house, context, await context.newPage());
    await window.#listen();
    await window.page.goto(`${house.origin}/_admin/functions`);
    if (token) await window.signIn(token);
    return window;
  }

  constructor(house, context, page) {
    this.house = house;
    this.context = context;
    this.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
  }

  async #listen() {
    const { page, complaints } = this;
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`exception: ${error}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(this.house.origin)) complaints.push(`request to elsewhere: ${request.url()}`);
    });
    await page.exposeFunction("tellBreach", (what) => complaints.push(`policy: ${what}`));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => globalThis.tellBreach(`${event.violatedDirective} ${event.blockedURI}`));
    });
    // Another dist than the one in the gateway, under the gateway's own headers.
    if (process.env.ALYX_PAGE_DIST) {
      await page.route("**/_admin/functions/page.*", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: readFileSync(join(DIST, new URL(route.request().url()).pathname.split("/").at(-1))) });
      });
    }
  }

  /** Complaints like this are part of the test. */
  allow(pattern) {
    this.#allowed.push(pattern);
  }

  /** Closes it; a complaint that was not allowed fails the test. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.complaints.filter((text) => !this.#allowed.some((pattern) => pattern.test(text))), []);
  }

  id(testid) {
    return this.page.getByTestId(testid);
  }

  /** The rows of a table, or those that have this text. */
  rows(testid, hasText) {
    return this.id(testid).filter(hasText === undefined ? {} : { hasText });
  }

  /** Waits until an element with this test id has this text, and is seen. */
  async shows(testid, hasText) {
    await this.id(testid).filter({ hasText }).first().waitFor();
  }

  /** Waits until no such element is there. */
  async lacks(testid, hasText) {
    await this.rows(testid, hasText).first().waitFor({ state: "detached" });
  }

  /** Waits until a locator finds so many. */
  async counts(locator, wanted) {
    const deadline = Date.now() + PATIENCE_MS;
    for (let found; (found = await locator.count()) !== wanted; ) {
      if (Date.now() > deadline) assert.equal(found, wanted, `${locator}`);
      await this.page.waitForTimeout(50);
    }
  }

  async signIn(token) {
    await this.id("token").fill(token);
    await this.id("sign-in-submit").click();
    await this.id("role").waitFor();
  }

  /** By the navigation, or to a page that it does not lead to. */
  async go(place) {
    await this.page.evaluate((hash) => (location.hash = hash), `#/${place}`);
  }

  async confirm() {
    await this.id("confirm-yes").click();
    await this.lacks("confirm");
  }

  /** The stream is open: what happens from now on is shown. */
  async isLive() {
    await this.page.locator('[data-testid="live"][data-state="live"]').waitFor();
  }

  /** Marks the document, so that a reload of it would be noticed by [`isSameDocument`]. */
  async mark() {
    await this.page.evaluate(() => (globalThis.isMarked = true));
  }

  async isSameDocument() {
    return this.page.evaluate(() => globalThis.isMarked === true);
  }

  /** How far the page could be scrolled sideways. */
  async overhang() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }
}
