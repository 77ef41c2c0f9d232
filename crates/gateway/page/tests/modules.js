// Loads a TypeScript module of the page into a test, as the bundler understands it.

import { build } from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), "../src");

export async function load(path) {
  const { outputFiles } = await build({ entryPoints: [join(SOURCES, path)], bundle: true, write: false, format: "esm", target: ["es2022"] });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
