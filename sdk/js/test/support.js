// Functions from text, built and run on the engine as users' are.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import { load } from "../testing/index.js";

/** Inside the package, so that imports of it and of npm packages are found as in a project. */
const ROOT = fileURLToPath(new URL("./.work/", import.meta.url));
const folders = [];

/** A folder with these files. */
export function project(files) {
  mkdirSync(ROOT, { recursive: true });
  const dir = mkdtempSync(ROOT);
  folders.push(dir);
  for (const [name, text] of Object.entries({ "package.json": '{ "type": "module" }', ...files })) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

after(() => {
  for (const dir of folders) rmSync(dir, { recursive: true });
});

/** A program of this source, which sees `handler` and the error classes. */
export async function program(source, options) {
  const head = 'import { handler, DatabaseError, FunctionError, HttpError } from "@alyx/functions";';
  return load(project({ "index.ts": `${head} ${source}` }), options);
}

/** A program whose default export is a handler of this body. */
export function handling(body, options) {
  return program(`export default handler(async (ctx) => { ${body} });`, options);
}

/** The failure of a call that must fail. */
export async function failure(promise) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a failure, got ${JSON.stringify(result)}`);
}

/** An event of a row trigger. */
export function rowEvent(row, more = {}) {
  return { database: { op: "INSERT", timing: "BEFORE", level: "ROW", schema: "public", table: "t", trigger: "tr", args: [], new: row, ...more } };
}

/** An error as Postgres' answers. */
export function sqlError(code, message, fields = {}) {
  return Object.assign(new Error(message), { code, ...fields });
}
