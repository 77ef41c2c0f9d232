// Type checks with the project's own TypeScript: esbuild drops types without reading them.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { dirname, join, resolve } from "node:path";
import { BuildError, refuse } from "./problem.js";

/** Runs `tsc --noEmit`; throws what it found. */
export async function typecheck({ dir, entry }) {
  const tsc = findCompiler(dir);
  if (tsc === undefined) throw refuse("--types needs TypeScript in the project", "npm install --save-dev typescript");
  const config = existsSync(join(dir, "tsconfig.json")) ? join(dir, "tsconfig.json") : ownConfig(entry);
  const { code, output } = await run(process.execPath, [tsc, "--pretty", "false", "--noEmit", "-p", config], dir);
  if (code === 0) return;
  const problems = read(output, dir);
  throw problems.length > 0 ? new BuildError(problems) : refuse(`tsc failed:\n${output.trim()}`);
}

/** Settings for a function that has none; this package's types, also where it is not installed. */
function ownConfig(entry) {
  const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
  const config = {
    extends: path("tsconfig.base.json"),
    compilerOptions: { paths: { "@alyx/functions": [path("index.d.ts")] } },
    files: [entry],
  };
  const file = join(mkdtempSync(join(tmpdir(), "alyx-types-")), "tsconfig.json");
  writeFileSync(file, JSON.stringify(config));
  process.once("exit", () => rmSync(dirname(file), { recursive: true, force: true }));
  return file;
}

/** tsc of the project, or of a folder above it. */
function findCompiler(dir) {
  for (let at = dir; ; at = dirname(at)) {
    const found = join(at, "node_modules/typescript/bin/tsc");
    if (existsSync(found)) return found;
    if (dirname(at) === at) return undefined;
  }
}

function run(command, args, cwd) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", failed);
    child.on("close", (code) => done({ code, output }));
  });
}

/** `src/index.ts(3,7): error TS2322: …`, with what belongs to it on the following lines. */
function read(output, dir) {
  const problems = [];
  for (const line of output.split(/\r?\n/)) {
    const found = /^(.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(line) ?? /^()()()error (TS\d+): (.*)$/.exec(line);
    if (found !== null) {
      const [, file, row, column, code, text] = found;
      const place = file === "" ? {} : { file: resolve(dir, file), line: Number(row), column: Number(column) };
      problems.push({ text: `${text} [${code}]`, ...place, notes: [] });
    } else if (line.startsWith("  ") && problems.length > 0) {
      problems.at(-1).notes.push(line.trim());
    }
  }
  return problems;
}
