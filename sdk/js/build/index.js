// The build: entry → bundle → program module. Writes nothing but the module; says nothing.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { bundle, commonJsEntry } from "./bundle.js";
import { findEntry } from "./entry.js";
import { readEngine } from "./engine.js";
import { evaluate, linkProgram } from "./link.js";
import { BuildError, format, refuse } from "./problem.js";
import { SourceMap, mapStack } from "./source_map.js";
import { typecheck } from "./typecheck.js";

export { BuildError, SourceMap, format, mapStack };

/**
 * Builds the function in a folder, or of a file, and writes it to `out`.
 *
 * @param {{ path?: string, out?: string, standalone?: boolean, minify?: boolean, types?: boolean, engine?: string }} options
 * @returns what index.d.ts says
 */
export async function build(options = {}) {
  const { entry, dir } = findEntry(options.path ?? ".");
  const checking = options.types === true ? typecheck({ dir, entry }) : undefined;
  // Both are awaited below; a rejection in between must not end the process.
  checking?.catch(() => {});
  const built = await compile({ ...options, entry, dir });
  await checking;
  const out = resolve(options.out ?? join(dir, "plugin.wasm"));
  write(out, built.wasm);
  return { ...built, out, entry, dir };
}

/** The same without writing a file: for tests. */
export async function compile({ entry, dir, standalone = false, minify = true, engine }) {
  const bytes = readEngine({ folder: engine, standalone });
  let bundled = await bundle({ entry, dir, minify });
  if (bundled.isCommonJs) bundled = await asModule(bytes, { entry, dir, minify });
  const { wasm, names, manifest } = await linkProgram({ engine: bytes, bundled, standalone, dir });
  if (names.length === 0) {
    throw new BuildError([{
      text: "the module exports no function",
      file: entry,
      notes: ["Write: export default handler(async (ctx) => { … })"],
    }]);
  }
  return { wasm, names, manifest, code: bundled.code, map: bundled.map, warnings: bundled.warnings };
}

/** A CommonJS module with an export for each of its functions. */
async function asModule(engine, { entry, dir, minify }) {
  const asked = await bundle({ entry, dir: dirname(entry), minify, contents: commonJsEntry(entry) });
  const names = await evaluate({ engine, bundled: asked, name: "__alyx_names", dir: dirname(entry) });
  if (!Array.isArray(names) || names.length === 0) throw refuse("the CommonJS module exports nothing: write module.exports = { handler }");
  return bundle({ entry, dir: dirname(entry), minify, contents: commonJsEntry(entry, names.filter((name) => name !== "__esModule")) });
}

/** A server that reads the file while it is written must see the old one or the new one. */
function write(out, wasm) {
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(`${out}.part`, wasm);
  renameSync(`${out}.part`, out);
}
