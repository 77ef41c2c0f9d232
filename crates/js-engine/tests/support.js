// Runs JavaScript on the built engine (node crates/js-engine/build.mjs) and, for comparison, in Node.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { build } from "../../../sdk/js/build/index.js";
import { load } from "../../../sdk/js/testing/index.js";

const folder = mkdtempSync(join(tmpdir(), "alyx-engine-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

function file(text) {
  const path = join(folder, `case${count++}.mjs`);
  writeFileSync(path, text);
  return path;
}

/** A program of this ES module. */
export function program(text, options) {
  return load(file(text), options);
}

/** The result, as JSON, of the body of an async function on the engine. */
export async function onEngine(body, options) {
  return (await program(`export default async () => { ${body} };`, options)).call();
}

/** The same in Node. */
export async function inNode(body) {
  const AsyncFunction = (async () => {}).constructor;
  return JSON.parse(JSON.stringify(await new AsyncFunction(body)()));
}

/** Builds a module to a file and says where. */
export async function built(text, options) {
  const out = join(folder, `case${count}.wasm`);
  await build({ path: file(text), out, types: false, ...options });
  return out;
}
