// node crates/js-engine/conformance.mjs: how much of JavaScript the built engine speaks, as Markdown. Two suites that can be
// had from registries: the engine's own tests (in the crate that its sources come from), and test262-parser-tests (npm).
// The tables of docs/javascript-conformance.md come from here. It takes about a minute and is no part of the tests.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../../sdk/js/build/index.js";
import { load } from "../../sdk/js/testing/index.js";

const HERE = dirname(fileURLToPath(import.meta.url));
const FETCHED = join(HERE, "../../target/js-engine/fetch");
const PARSER_TESTS = "test262-parser-tests@0.0.5";
const work = mkdtempSync(join(tmpdir(), "alyx-conformance-"));

/** What a test of QuickJS needs that no function has: files, workers, the shell's own modules. */
const NEEDS_SHELL = /\b(qjs:|std\.|os\.|Worker\b|bjson|scriptArgs|gc\(|navigator)/;

async function ownTests() {
  const metadata = JSON.parse(execFileSync("cargo", ["metadata", "--quiet", "--offline", "--format-version", "1"], { cwd: FETCHED, encoding: "utf8", maxBuffer: 1 << 28 }));
  const folder = join(dirname(metadata.packages.find(({ name }) => name === "rquickjs-sys").manifest_path), "quickjs/tests");
  const found = { passed: 0, failed: [], skipped: 0 };
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".js") && file !== "assert.js").sort()) {
    const text = readFileSync(join(folder, name), "utf8");
    if (NEEDS_SHELL.test(text)) {
      found.skipped += 1;
      continue;
    }
    const path = join(work, name.replace(/\.js$/, ".mjs"));
    const prelude = `globalThis.print ??= console.log;\n`;
    writeFileSync(path, `${prelude}${text.replaceAll("./assert.js", join(folder, "assert.js"))}\nexport default () => 1;\n`);
    try {
      await build({ path, out: join(work, "out.wasm"), types: false, minify: false });
      found.passed += 1;
    } catch (error) {
      found.failed.push(`${name}: ${String(error.message).split("\n")[0].slice(0, 140)}`);
    }
  }
  return found;
}

async function parserTests() {
  execFileSync("npm", ["pack", PARSER_TESTS, "--silent"], { cwd: work });
  execFileSync("tar", ["xzf", readdirSync(work).find((file) => file.endsWith(".tgz"))], { cwd: work });
  const path = join(work, "parse.mjs");
  // A function body is what comes nearest to a script; only that `return` is allowed in it.
  writeFileSync(path, "export default globalThis.__alyx.handler((ctx) => { try { new Function(ctx.input.text); return true; } catch (error) { return error.name; } });");
  const parse = await load(path);
  const counts = {};
  for (const [folder, valid] of [["pass", true], ["pass-explicit", true], ["fail", false], ["early", false]]) {
    const count = { right: 0, wrong: [], modules: 0 };
    for (const name of readdirSync(join(work, "package", folder)).sort()) {
      if (name.includes(".module.")) {
        count.modules += 1;
        continue;
      }
      const answer = await parse.call({ text: readFileSync(join(work, "package", folder, name), "utf8") });
      if ((answer === true) === valid) count.right += 1;
      else count.wrong.push(name);
    }
    counts[folder] = count;
  }
  return counts;
}

const own = await ownTests();
console.log(`| QuickJS-ng's own tests | ${own.passed} of ${own.passed + own.failed.length} pass | ${own.skipped} need the shell (files, workers, qjs:std) and were left out |`);
for (const line of own.failed) console.log(`  - ${line}`);
const parser = await parserTests();
for (const [folder, { right, wrong, modules }] of Object.entries(parser)) {
  console.log(`| test262-parser-tests, ${folder} | ${right} of ${right + wrong.length} as they should | ${modules} modules left out |`);
  if (wrong.length > 0) console.log(`  - ${wrong.slice(0, 40).join(" ")}`);
}
rmSync(work, { recursive: true });
