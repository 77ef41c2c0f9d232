// From the entry file to one ES module and its source map, by esbuild.

import { basename, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { BuildError } from "./problem.js";
import { inPlaceOf, nodeModule } from "./node_builtins.js";

/** Settings of esbuild for our engine. Names stay as they are written: stacks show them, and bytecode hardly shrinks. */
export function settings({ entry, dir, minify, contents }) {
  return {
    absWorkingDir: dir,
    ...(contents === undefined
      ? { entryPoints: [entry] }
      : { stdin: { contents, resolveDir: dir, sourcefile: "alyx-entry.js", loader: "js" } }),
    bundle: true,
    write: false,
    metafile: true,
    outfile: join(dir, "bundle.js"),
    format: "esm",
    platform: "browser",
    target: "es2023",
    mainFields: ["browser", "module", "main"],
    // The runtime part is this package's own, so that a single file needs no installation.
    alias: { "@alyx/functions": fileURLToPath(new URL("../index.js", import.meta.url)) },
    conditions: ["alyx", "browser", "import", "module"],
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    loader: { ".txt": "text", ".sql": "text", ".html": "text", ".hbs": "text", ".md": "text", ".bin": "binary" },
    minifyWhitespace: minify,
    minifySyntax: minify,
    legalComments: "none",
    charset: "utf8",
    // Positions only: the sources are at home, not in every copy of the function.
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "silent",
  };
}

/** What a finished run of esbuild made. */
export function collect(result, { dir, entry }) {
  const text = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text;
  const input = result.metafile.inputs[relative(dir, entry).split(sep).join("/")];
  return {
    code: text("bundle.js"),
    map: text("bundle.js.map"),
    isCommonJs: input?.format === "cjs",
    warnings: result.warnings.map((message) => toProblem(message, dir)),
  };
}

export async function bundle(options) {
  try {
    const result = await esbuild.build(settings(options));
    const misplaced = result.warnings.filter((message) => message.id === "commonjs-variable-in-esm");
    if (misplaced.length > 0) throw new BuildError(misplaced.map((message) => misplacedCommonJs(message, options.dir)));
    return collect(result, options);
  } catch (error) {
    throw explain(error, options.dir);
  }
}

/** esbuild's failure as ours. */
export function explain(error, dir) {
  if (!Array.isArray(error.errors)) return error;
  return new BuildError(error.errors.map((message) => toProblem(message, dir)));
}

/**
 * The entry of a CommonJS module: esbuild gives it one default export, but each of its functions should be an export. The
 * names are known once it has run, so it is built twice: first `names`, then what they say.
 */
export function commonJsEntry(entry, names) {
  const path = JSON.stringify(`./${basename(entry)}`);
  const head = `const module = require(${path});\n`;
  if (names === undefined) {
    return `${head}const isObject = typeof module === "object" && module !== null;
export const __alyx_names = [...(isObject || typeof module === "function" ? Object.keys(module) : []), ...(typeof module === "function" && !("default" in module) ? ["default"] : [])];\n`;
  }
  const lines = names.map((name, i) =>
    name === "default"
      ? "export default typeof module === \"function\" ? module : module.default;"
      : `const export_${i} = module[${JSON.stringify(name)}];\nexport { export_${i} as ${/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)} };`,
  );
  return `${head}${lines.join("\n")}\n`;
}

function toProblem(message, dir) {
  const { location } = message;
  const problem = { text: message.text, notes: message.notes.map((note) => note.text) };
  if (location !== null) {
    problem.file = join(dir, location.file);
    problem.line = location.line;
    problem.column = Buffer.from(location.lineText).subarray(0, location.column).toString().length + 1;
    problem.length = location.length;
    problem.source = location.lineText;
  }
  const unresolved = /^Could not resolve "(.+)"$/.exec(message.text)?.[1];
  const builtin = unresolved === undefined ? undefined : nodeModule(unresolved);
  if (builtin !== undefined) {
    const importer = location === null ? "" : `, and ${location.file} wants it`;
    problem.text = `"${unresolved}" is a part of Node.js, where functions do not run${importer}`;
    problem.notes = [inPlaceOf(builtin)];
  } else if (unresolved !== undefined && !unresolved.startsWith(".") && !unresolved.startsWith("/")) {
    problem.notes = [`Install it (npm install ${packageOf(unresolved)}), or correct the name.`];
  }
  return problem;
}

function packageOf(specifier) {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function misplacedCommonJs(message, dir) {
  return {
    ...toProblem(message, dir),
    text: `${message.location?.lineText.includes("exports") ? "CommonJS exports" : "CommonJS"} in a file that counts as an ES module`,
    notes: ["package.json says \"type\": \"module\", or the file has import or export: use export, or name the file .cjs."],
  };
}
