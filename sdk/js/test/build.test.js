// alyx-build: entries, refusals that say what to do, source maps, the manifest, the command line.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync, symlinkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, format } from "../build/index.js";
import { load } from "../testing/index.js";
import { failure, project } from "./support.js";

const CLI = fileURLToPath(new URL("../bin/alyx-build.js", import.meta.url));
const HANDLER = 'import { handler } from "@alyx/functions"; export default handler((ctx) => 7);';

/** What a failing build prints. */
async function complaint(files, options) {
  const dir = project(files);
  const error = await failure(build({ path: dir, ...options }));
  assert.equal(error.name, "BuildError", error.stack);
  return error.problems.map((problem) => format(problem, dir)).join("");
}

function sections(wasm, name) {
  return WebAssembly.Module.customSections(new WebAssembly.Module(wasm), name).map((bytes) => new TextDecoder().decode(bytes));
}

async function cli(...args) {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args]);
    return { code: 0, stdout, stderr };
  } catch (error) {
    return { code: error.code, stdout: error.stdout, stderr: error.stderr };
  }
}

test("entries are found where people put them", async () => {
  for (const file of ["src/index.ts", "src/index.js", "index.ts", "index.mjs"]) {
    const built = await build({ path: project({ [file]: HANDLER }) });
    assert.deepEqual(built.names, ["handler"], file);
    assert.equal(await (await load(built.out)).call(), 7, file);
  }
  const dir = project({ "lib/start.ts": HANDLER, "package.json": '{ "main": "lib/start.ts" }' });
  assert.match((await build({ path: dir })).entry, /lib\/start\.ts$/);
  assert.match(await complaint({}), /has no function to build\n.*src\/index\.ts/);
  assert.match(await complaint({ "package.json": '{ "main": "no.js" }' }), /"main" of package\.json, "no\.js", does not exist/);
});

test("CommonJS: each function is an export", async () => {
  const dir = project({ "package.json": "{}", "index.js": 'const { readable } = require("./lib.js"); module.exports = { handler: (ctx) => readable + ctx.input, "other-name": () => "x", data: 5 };', "lib.js": "exports.readable = 1;" });
  const built = await build({ path: dir });
  assert.deepEqual(built.names, ["handler", "other-name"]);
  const made = await load(built.out);
  assert.equal(await made.call(2), 3);
  assert.equal(await made.call(null, { name: "other-name" }), "x");
  const single = await build({ path: project({ "index.cjs": "module.exports = (ctx) => ctx.input + 1;" }) });
  assert.equal(await (await load(single.out)).call(2), 3);
  const transpiled = await build({ path: project({ "index.cjs": 'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = (ctx) => 9; exports.config = { timeout: "1s" };' }) });
  assert.equal(await (await load(transpiled.out)).call(), 9);
  assert.deepEqual(transpiled.manifest, { timeout: "1s" });
  assert.match(await complaint({ "index.js": "module.exports = { a() {} };" }), /index\.js:1:1: error: CommonJS[\s\S]*name the file \.cjs/);
});

test("what Node.js has and a function has not", async () => {
  const said = await complaint({ "src/index.ts": 'import "./lib.ts"; export default () => 1;', "src/lib.ts": '\nimport { readFileSync } from "node:fs";\nconsole.log(readFileSync);' });
  assert.match(said, /^src\/lib\.ts:2:30: error: "node:fs" is a part of Node\.js, where functions do not run, and src\/lib\.ts wants it\n/);
  assert.match(said, /2 \| import \{ readFileSync \} from "node:fs";\n {4}\| {30}~~~~~~~~~\n {2}Instead: a function has no files/);
  assert.match(await complaint({ "index.ts": 'import { createHash } from "crypto"; export default () => createHash;' }), /"crypto" is a part of Node\.js.*\n.*\n.*\n {2}Instead: the global crypto/);
});

test("packages that are not installed, syntax errors, modules without functions", async () => {
  assert.match(await complaint({ "index.ts": 'import x from "@scope/no-such-package/sub"; export default () => x;' }), /npm install @scope\/no-such-package\)/);
  assert.match(await complaint({ "index.ts": "export default (;" }), /^index\.ts:1:17: error: Unexpected ";"\n {2}1 \| export default \(;\n {4}\| {17}[\^~]/m);
  assert.match(await complaint({ "index.ts": "export const a = 1;" }), /exports no function\n.*export default handler/);
});

test("the module carries its bundle and a source map without paths of this machine", async () => {
  const dir = project({ "src/index.ts": `${HANDLER}\nexport const config = { timeout: "5s", hooks: [{ type: "schedule", cron: "@daily" }] };` });
  const { wasm, code, manifest } = await build({ path: dir });
  assert.deepEqual(manifest, { timeout: "5s", hooks: [{ type: "schedule", cron: "@daily" }] });
  assert.deepEqual(sections(wasm, "alyx.bundle"), [code]);
  assert.deepEqual(JSON.parse(sections(wasm, "alyx.manifest")[0]), manifest);
  const map = JSON.parse(sections(wasm, "alyx.sourcemap")[0]);
  assert.equal(map.version, 3);
  assert.ok(map.sources.includes("src/index.ts"));
  assert.equal(Buffer.from(wasm).includes(dir), false);
  const again = await build({ path: dir });
  assert.deepEqual(again.wasm, wasm, "the same bytes each time");
});

test("source maps of a compiled source lead to its source", async () => {
  const inner = { version: 3, sources: ["original.coffee"], names: [], mappings: "AACA" };
  const comment = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(inner)).toString("base64")}`;
  const dir = project({ "index.js": `export default () => { throw new Error("x"); };\n${comment}` });
  const { map } = await build({ path: dir });
  assert.deepEqual(JSON.parse(map).sources, ["original.coffee"]);
});

test("text and JSON can be imported", async () => {
  const dir = project({ "index.ts": 'import mail from "./mail.txt"; import data from "./data.json"; export default (ctx) => mail + data.a;', "mail.txt": "Hello ", "data.json": '{ "a": 1 }' });
  assert.equal(await (await load(dir)).call(), "Hello 1");
});

test("--types checks with the project's compiler", async () => {
  const dir = project({ "index.ts": `${HANDLER}\nconst n: number = "text";` });
  const error = await failure(build({ path: dir, types: true }));
  const said = format(error.problems[0], dir);
  assert.match(said, /^index\.ts:2:7: error: Type 'string' is not assignable to type 'number'.*\[TS2322\]\n {2}2 \| const n: number/);
  await build({ path: project({ "index.ts": HANDLER }), types: true });
});

test("command line: size and time, errors on standard error, usage", async () => {
  const dir = project({ "index.ts": HANDLER });
  const out = join(dir, "deep/er/f.wasm");
  const good = await cli(dir, "--out", out);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /f\.wasm: [\d.]+ kB in [\d.]+ s \(source \d+ B; exports handler\)\n$/);
  assert.ok(existsSync(out));
  const bad = await cli(project({ "index.ts": "export default (;" }));
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /index\.ts:1:17: error/);
  const usage = await cli("--nope");
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /--nope[\s\S]*usage: alyx-build/);
  assert.match((await cli("--help")).stdout, /--standalone/);
});

test("--no-minify keeps white space", async () => {
  const dir = project({ "index.ts": "export default (ctx) => {\n  return 1;\n};" });
  assert.match((await build({ path: dir, minify: false })).code, /\n {2}return 1;\n/);
  assert.doesNotMatch((await build({ path: dir })).code.trim(), /\n/);
});

test("--watch builds again when a source changes, and survives an error", async () => {
  const dir = project({ "index.ts": HANDLER });
  const child = spawn(process.execPath, [CLI, dir, "--watch"]);
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  child.stderr.on("data", (chunk) => (said += chunk));
  const until = async (pattern) => {
    for (let i = 0; i < 400; i++) {
      if (pattern.test(said)) return;
      await new Promise((done) => setTimeout(done, 25));
    }
    assert.fail(`waited for ${pattern}: ${said}`);
  };
  try {
    await until(/plugin\.wasm: .*\n/);
    said = "";
    writeFileSync(join(dir, "index.ts"), "export default (;");
    await until(/error: Unexpected/);
    said = "";
    writeFileSync(join(dir, "index.ts"), HANDLER.replace("7", "8"));
    await until(/plugin\.wasm: .*\n/);
    assert.equal(await (await load(join(dir, "plugin.wasm"))).call(), 8);
  } finally {
    child.kill("SIGINT");
  }
  assert.equal(await new Promise((done) => child.on("close", done)), 0);
});

test("a self-contained plugin runs without the shared engine", async () => {
  const { out, wasm } = await build({ path: project({ "index.ts": HANDLER }), standalone: true });
  const modules = new Set(WebAssembly.Module.imports(new WebAssembly.Module(wasm)).map(({ module }) => module));
  assert.deepEqual(modules, new Set(["extism:host/env", "wasi_snapshot_preview1"]));
  assert.equal(await (await load(out)).call(), 7);
});

test("the package's types hold", async () => {
  const base = JSON.parse(readFileSync(new URL("../tsconfig.base.json", import.meta.url), "utf8"));
  for (const name of ["types", "untyped"]) {
    const dir = project({ "tsconfig.json": JSON.stringify({ compilerOptions: { ...base.compilerOptions, skipLibCheck: false }, files: [`${name}.ts`] }) });
    mkdirSync(join(dir, "node_modules/@alyx"), { recursive: true });
    symlinkSync(fileURLToPath(new URL("..", import.meta.url)), join(dir, "node_modules/@alyx/functions"));
    writeFileSync(join(dir, `${name}.ts`), readFileSync(new URL(`fixtures/${name}.ts`, import.meta.url)));
    const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
    await promisify(execFile)(process.execPath, [tsc, "-p", dir]).catch((error) => assert.fail(error.stdout));
  }
});
