// Builds the JavaScript engine: `node crates/js-engine/build.mjs [FOLDER]`, by default into target/js-engine.
//
//   engine.wasm             the engine that all functions share
//   engine-standalone.wasm  the same without our host functions, for self-contained plugins
//
// The C sources of QuickJS-ng and Mbed TLS come from the crates registry, pinned. The bytes depend on the sources, on
// clang and on wasi-libc, and on nothing else: not on folders, not on the time.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { snapshot } from "./build/snapshot.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = resolve(process.argv[2] ?? join(HERE, "../../target/js-engine"));
const CRATES = { "rquickjs-sys": "0.14.0", "mbedtls-sys-auto": "2.28.15" };
const QUICKJS = ["quickjs", "libregexp", "libunicode", "dtoa"];
const HASHES = ["sha1", "sha256", "sha512", "platform_util"];
const ENGINE = ["digest", "host", "memory", "program", "settle", "utf8", "values"];
const STANDARD = ["--target=wasm32-wasi", "-Os", "-D_GNU_SOURCE", "-DNDEBUG", "-Wno-unused"];
// Without -O: with it clang runs a wasm-opt that it finds in PATH, and the bytes must not depend on whether there is one.
const LINK = [
  "--target=wasm32-wasi", "-mexec-model=reactor", "-Wl,--strip-all", "-Wl,-z,stack-size=1048576", "-Wl,--stack-first",
  "-Wl,--export=alyx_event",
];

function run(command, args, options = {}) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28, ...options });
}

/** Folders of the pinned crates. */
function fetchSources() {
  const folder = join(OUT, "fetch");
  mkdirSync(join(folder, "src"), { recursive: true });
  const dependencies = Object.entries(CRATES).map(([name, version]) => `${name} = "=${version}"`).join("\n");
  writeFileSync(join(folder, "Cargo.toml"), `[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\n${dependencies}\n`);
  writeFileSync(join(folder, "src/lib.rs"), "");
  run("cargo", ["fetch", "--quiet"], { cwd: folder });
  const metadata = JSON.parse(run("cargo", ["metadata", "--quiet", "--offline", "--format-version", "1"], { cwd: folder }));
  const of = (name) => dirname(metadata.packages.find((one) => one.name === name).manifest_path);
  return { quickjs: join(of("rquickjs-sys"), "quickjs"), hashes: join(of("mbedtls-sys-auto"), "vendor") };
}

/** The prelude as one expression: a function of the object that C lends. */
async function bundlePrelude() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(HERE, "prelude/index.js")],
    bundle: true,
    format: "iife",
    globalName: "P",
    target: "es2023",
    platform: "neutral",
    mainFields: ["module", "main"],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    absWorkingDir: HERE,
    write: false,
    logLevel: "warning",
  });
  return `(function(engine){${outputFiles[0].text};return P.default(engine)})`;
}

/** What the bytes depend on. */
function stamp(prelude) {
  const hash = createHash("sha256");
  const add = (name, text) => hash.update(`${name}\0${text.length}\0`).update(text);
  add("crates", JSON.stringify(CRATES));
  add("clang", run("clang", ["--version"]).split("\n")[0]);
  add("prelude", prelude);
  for (const folder of ["engine", "build"]) {
    for (const file of readdirSync(join(HERE, folder)).sort()) add(file, readFileSync(join(HERE, folder, file)));
  }
  add("build.mjs", readFileSync(join(HERE, "build.mjs")));
  add("encode.js", readFileSync(join(HERE, "../../sdk/js/build/encode.js")));
  return hash.digest("hex");
}

/** quickjs.c with our reader of JSON, and so that recursion without end is a RangeError, and not a trap that no `catch` sees. */
function patched(source) {
  const replace = (text, what, by) => {
    const result = text.replace(what, by);
    if (result === text) throw new Error(`quickjs.c is not as it was known, at ${what}: look at the patches in build.mjs`);
    return result;
  };
  // Upstream has no stack limit under WASI.
  let text = replace(source, /(static void update_stack_limit[\s\S]*?)#if defined\(__wasi__\)/, "$1#if 0");
  // What these keep in wasm's own variables lies on a stack that the limit does not measure. So each call takes some of
  // the one that it does: some 1 000 calls within the limit of 256 kB, and within the 1 MiB that the other has.
  for (const name of ["json_parse_value", "internalize_json_property", "js_json_to_str", "JS_FlattenIntoArray"]) {
    const head = new RegExp(`(\\n(?:static )?[\\w ]+\\b${name}\\([^;{]*\\)\\n\\{)`);
    text = replace(text, head, '$1\n    char measured[224]; __asm__ volatile("" : : "r"(measured) : "memory");');
  }
  return text + readFileSync(join(HERE, "engine/json.c"), "utf8");
}

function compile(sources) {
  const work = join(OUT, "work");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  cpSync(sources.quickjs, work, { recursive: true });
  cpSync(join(HERE, "engine"), work, { recursive: true });
  for (const name of HASHES) cpSync(join(sources.hashes, "library", `${name}.c`), join(work, `${name}.c`));
  cpSync(join(sources.hashes, "include/mbedtls"), join(work, "mbedtls"), { recursive: true });
  cpSync(join(sources.hashes, "library/common.h"), join(work, "common.h"));
  writeFileSync(join(work, "quickjs.c"), patched(readFileSync(join(work, "quickjs.c"), "utf8")));
  const object = (name, output, ...flags) =>
    run("clang", [...STANDARD, "-DMBEDTLS_CONFIG_FILE=\"hash_config.h\"", "-I.", ...flags, "-c", `${name}.c`, "-o", output], { cwd: work });
  for (const name of [...QUICKJS, ...HASHES, ...ENGINE]) object(name, `${name}.o`);
  for (const name of ENGINE) object(name, `${name}.standalone.o`, "-DALYX_STANDALONE");
  const common = [...QUICKJS, ...HASHES].map((name) => `${name}.o`);
  const link = (output, objects) => run("clang", [...LINK, ...objects, "-o", output], { cwd: work });
  link("shared.wasm", [...common, ...ENGINE.map((name) => `${name}.o`)]);
  link("standalone.wasm", [...common, ...ENGINE.map((name) => `${name}.standalone.o`)]);
  return work;
}

const started = Date.now();
if (!existsSync(join(HERE, "node_modules/esbuild"))) run("npm", ["ci", "--silent"], { cwd: HERE });
mkdirSync(OUT, { recursive: true });
const prelude = await bundlePrelude();
const wanted = stamp(prelude);
const stampFile = join(OUT, "stamp");
const outputs = ["engine.wasm", "engine-standalone.wasm"].map((name) => join(OUT, name));
if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted && outputs.every((file) => existsSync(file))) {
  console.log("engine.wasm is up to date");
} else {
  const work = compile(fetchSources());
  for (const [name, output] of [["shared.wasm", outputs[0]], ["standalone.wasm", outputs[1]]]) {
    const bytes = snapshot(readFileSync(join(work, name)), prelude);
    writeFileSync(output, bytes);
    console.log(`${output}: ${bytes.length} bytes, SHA-256 ${createHash("sha256").update(bytes).digest("hex")}`);
  }
  writeFileSync(stampFile, wanted);
  console.log(`built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
