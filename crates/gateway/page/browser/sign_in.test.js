// Signing in and out: what a token that is refused is told, and what is kept of one that is not.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { House, sign } from "./house.js";
import { endAfterwards, inWindow } from "./window.js";

const house = await House.open("sign_in");
endAfterwards(house);
await house.deploy("check", "validate-json");

const SECONDS = Math.floor(Date.now() / 1000);
const REFUSED = [
  { what: "signed by somebody else", token: sign({ role: "dev" }, "another secret of thirty-two bytes or more"), why: /sign/ },
  { what: "expired", token: sign({ role: "dev", exp: SECONDS - 3600 }), why: /expired/ },
  { what: "without a signature", token: `${sign({ role: "dev" }).split(".").slice(0, 2).join(".")}.`, why: /./ },
];

async function storedIn(page) {
  return page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
}

test("the gateway serves the page of this checkout", async () => {
  const served = await (await fetch(`${house.origin}/_admin/functions/page.js`)).text();
  assert.ok(served === readFileSync(new URL("../dist/page.js", import.meta.url), "utf8"), "the binary has another dist: cargo build --workspace --bin alyx");
});

for (const { what, token, why } of REFUSED) {
  inWindow(`a token that is ${what} is refused, and why is said`, house, {}, async (window) => {
    window.allow(/status of 401/);
    await window.id("token").fill(token);
    await window.id("sign-in-submit").click();
    await window.shows("refusal", why);
    assert.equal(await window.id("functions").count(), 0);
    assert.doesNotMatch(await storedIn(window.page), /eyJ/);
    // The way on is there.
    await window.signIn(house.token());
    await window.shows("role", "dev");
    await window.lacks("refusal");
  });
}

inWindow("what is no token does not leave the browser", house, {}, async (window) => {
  let asked = 0;
  window.page.on("request", () => (asked += 1));
  await window.id("token").fill("grüße");
  await window.id("sign-in-submit").click();
  await window.shows("error-message", "this is not a token");
  assert.equal(asked, 0);
});

inWindow("a role that the gateway may not take is told so", house, {}, async (window) => {
  window.allow(/status of 403/);
  await window.id("token").fill(sign({ role: "postgres" }));
  await window.id("sign-in-submit").click();
  await window.shows("failure", /postgres/);
  assert.equal(await window.id("sign-in").count(), 1);
});

inWindow("the right token shows who one is, and Sign out forgets it", house, { token: `Bearer ${house.token()} ` }, async (window) => {
  await window.shows("role", /^dev$/);
  await window.shows("database", /^sign_in$/);
  await window.shows("function-row", "check");
  assert.doesNotMatch(await storedIn(window.page), /eyJ/);
  await window.id("sign-out").click();
  await window.id("sign-in").waitFor();
  assert.equal(await window.page.getByText("check").count(), 0);
});

inWindow("without Remember a reload asks again, with it it does not", house, { token: house.token() }, async (window) => {
  await window.page.reload();
  await window.id("remember").check();
  await window.signIn(house.token());
  await window.page.reload();
  await window.shows("function-row", "check");
  await window.id("sign-out").click();
  await window.id("sign-in").waitFor();
  assert.doesNotMatch(await storedIn(window.page), /eyJ/);
});

inWindow("a kept token that is not good any more leads to the form", house, {}, async (window) => {
  window.allow(/status of 401/);
  await window.page.evaluate((token) => sessionStorage.setItem("alyx.token", token), sign({ role: "dev", exp: SECONDS - 3600 }));
  await window.page.reload();
  await window.shows("refusal", /expired/);
  await window.id("token").waitFor();
});
