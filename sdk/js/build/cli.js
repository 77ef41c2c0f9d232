// The command line: arguments, what is printed, and --watch.

import { relative } from "node:path";
import { parseArgs } from "node:util";
import * as esbuild from "esbuild";
import { settings } from "./bundle.js";
import { findEntry } from "./entry.js";
import { build } from "./index.js";
import { BuildError, format } from "./problem.js";

const USAGE = `usage: alyx-build [FOLDER or FILE] [options]

Builds a function of TypeScript or JavaScript into a module for fn_deploy.

  --out FILE      where the module goes (plugin.wasm in the folder)
  --types         type checks with the project's TypeScript as well
  --watch         builds again whenever a source changes
  --standalone    a plugin with the engine inside, for any Extism host; without ctx.db and the like
  --no-minify     keeps white space
  --engine FOLDER where engine.wasm is ($ALYX_ENGINE)
`;

/** Runs the command; its exit code. */
export async function main(args) {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        out: { type: "string", short: "o" },
        types: { type: "boolean" },
        watch: { type: "boolean" },
        standalone: { type: "boolean" },
        "no-minify": { type: "boolean" },
        engine: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (parsed.positionals.length > 1) throw new TypeError("one folder or file at a time");
  } catch (error) {
    process.stderr.write(`alyx-build: ${error.message}\n\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const options = { ...values, path: positionals[0] ?? ".", minify: values["no-minify"] !== true };
  return values.watch ? watch(options) : once(options);
}

async function once(options) {
  const started = performance.now();
  try {
    const built = await build(options);
    for (const warning of built.warnings) process.stderr.write(format(warning, process.cwd(), "warning"));
    const seconds = ((performance.now() - started) / 1000).toFixed(2);
    const manifest = built.manifest === undefined ? "" : ", manifest from config";
    process.stdout.write(
      `${relative(process.cwd(), built.out) || built.out}: ${size(built.wasm.length)} in ${seconds} s (source ${size(built.code.length)}; exports ${built.names.join(", ")}${manifest})\n`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    for (const problem of error.problems) process.stderr.write(format(problem));
    return 1;
  }
}

/** esbuild knows which files the bundle is made of, and tells when one has changed. */
async function watch(options) {
  let entry;
  try {
    entry = findEntry(options.path);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    for (const problem of error.problems) process.stderr.write(format(problem));
    return 1;
  }
  let building = Promise.resolve();
  const again = { name: "again", setup: (run) => run.onEnd(() => { building = building.then(() => once(options)); }) };
  const context = await esbuild.context({ ...settings({ ...entry, minify: false }), plugins: [again] });
  await context.watch();
  await new Promise((stop) => {
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
  });
  await context.dispose();
  await building;
  return 0;
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}
