// Which file is the function: a path, or the usual places in a folder.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { refuse } from "./problem.js";

const ENDINGS = ["ts", "mts", "tsx", "js", "mjs", "jsx", "cts", "cjs"];
const PLACES = ["src/index", "index"];

/** The entry file and the folder it belongs to: the nearest with a package.json, else its own. */
export function findEntry(path) {
  const full = resolve(path);
  if (!existsSync(full)) throw refuse(`there is no "${path}"`);
  if (statSync(full).isFile()) return { entry: full, dir: projectOf(full) };
  const candidates = PLACES.flatMap((place) => ENDINGS.map((ending) => `${place}.${ending}`));
  const found = candidates.map((name) => join(full, name)).find((file) => existsSync(file)) ?? mainOf(full);
  if (found === undefined) {
    throw refuse(`"${path}" has no function to build`, "Looked for src/index.ts, src/index.js, index.ts, index.js and the \"main\" of package.json.");
  }
  return { entry: found, dir: full };
}

function mainOf(dir) {
  const file = join(dir, "package.json");
  if (!existsSync(file)) return undefined;
  let main;
  try {
    main = JSON.parse(readFileSync(file, "utf8")).main;
  } catch (error) {
    throw refuse(`${file} is not JSON: ${error.message}`);
  }
  if (typeof main !== "string") return undefined;
  if (!existsSync(join(dir, main))) throw refuse(`the "main" of package.json, "${main}", does not exist`);
  return join(dir, main);
}

function projectOf(file) {
  for (let dir = dirname(file); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "package.json"))) return dir;
    if (dirname(dir) === dir) return dirname(file);
  }
}
