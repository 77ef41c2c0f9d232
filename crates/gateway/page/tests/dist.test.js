// What is committed in dist is what the sources make, small enough, and lawful under the gateway's content security policy.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bundle } from "../build.mjs";

const HERE = join(dirname(fileURLToPath(import.meta.url)), "..");
const DIST = join(HERE, "dist");
const MOST_BYTES = 160_000;

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

test("dist is what the sources make", async () => {
  const made = await bundle();
  assert.deepEqual(readdirSync(DIST).sort(), Object.keys(made).sort());
  for (const [name, bytes] of Object.entries(made)) assert.ok(readFileSync(join(DIST, name)).equals(bytes), `dist/${name} is old: run node build.mjs`);
});

test("dist is small", () => {
  const bytes = readdirSync(DIST).reduce((sum, name) => sum + readFileSync(join(DIST, name)).length, 0);
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
});

test("index.html has neither inline script nor inline style, and loads from its own folder", () => {
  const html = readFileSync(join(DIST, "index.html"), "utf8");
  assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/i);
  const loaded = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address).filter((address) => !address.startsWith("data:"));
  assert.deepEqual(loaded, ["functions/page.css", "functions/page.js"]);
});

test("the style sheet loads nothing", () => {
  assert.doesNotMatch(readFileSync(join(DIST, "page.css"), "utf8"), /url\(|@import/);
});

test("no source makes HTML, or code, from text", () => {
  for (const file of filesOf(join(HERE, "src"))) {
    assert.doesNotMatch(readFileSync(file, "utf8"), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|style="/, file);
  }
});

test("every source says its job first", () => {
  for (const file of [...filesOf(join(HERE, "src")), ...filesOf(join(HERE, "styles")), ...filesOf(join(HERE, "tests")), ...filesOf(join(HERE, "browser"))]) {
    assert.match(readFileSync(file, "utf8").replace("<!doctype html>\n", ""), /^(\/\/|\/\*|<!--) [A-Z]/, file);
  }
});

test("every testid is in README.md, and no other", () => {
  const used = new Set(filesOf(join(HERE, "src")).flatMap((file) => [...readFileSync(file, "utf8").matchAll(/(?:data-testid|testid|rowTestid)(?:=|: )"([a-z0-9-]+)"/g)].map(([, id]) => id)));
  const readme = readFileSync(join(HERE, "README.md"), "utf8");
  const told = new Set([...(readme.split("## Test ids")[1] ?? "").matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id));
  assert.deepEqual([...used].filter((id) => !told.has(id)), []);
});

test("the types are right", () => {
  execFileSync(process.execPath, [join(HERE, "node_modules/typescript/bin/tsc")], { cwd: HERE, stdio: "inherit" });
});
