// Builds the page: `node build.mjs [FOLDER]`, by default into dist, which is committed and embedded in the gateway.
//
//   index.html   at /_admin/functions
//   page.js      at /_admin/functions/page.js
//   page.css     at /_admin/functions/page.css
//
// The bytes depend on the sources and on the locked packages, and on nothing else.

import { build } from "esbuild";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

/** The files of the page by name. */
export async function bundle() {
  const { outputFiles } = await build({
    absWorkingDir: HERE,
    entryPoints: { page: "src/main.tsx" },
    outdir: "dist",
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
    banner: { js: readFileSync(join(HERE, "licenses.txt"), "utf8").trim() },
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "warning",
  });
  const files = { "index.html": readFileSync(join(HERE, "src/index.html")) };
  for (const file of outputFiles) files[file.path.split(/[\\/]/).at(-1)] = Buffer.from(file.contents);
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.argv[2] ?? join(HERE, "dist"));
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(await bundle())) {
    writeFileSync(join(folder, name), bytes);
    console.log(`${name} ${bytes.length}`);
  }
}
