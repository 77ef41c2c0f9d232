// Where the engine is: beside this package when it is installed, in `target` in the repository, or where one says.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { refuse } from "./problem.js";

const FOLDERS = [new URL("../engine/", import.meta.url), new URL("../../../target/js-engine/", import.meta.url)];

/** The bytes of the shared engine, or of the one without our host functions for self-contained plugins. */
export function readEngine({ folder = process.env.ALYX_ENGINE, standalone = false } = {}) {
  const name = standalone ? "engine-standalone.wasm" : "engine.wasm";
  const folders = folder === undefined ? FOLDERS.map((url) => fileURLToPath(url)) : [folder];
  const file = folders.map((one) => join(one, name)).find((one) => existsSync(one));
  if (file === undefined) {
    throw refuse(`${name} is not in ${folders.join(" or ")}`, "In the repository: node crates/js-engine/build.mjs. Elsewhere: --engine FOLDER or ALYX_ENGINE.");
  }
  return readFileSync(file);
}
