// Starts the engine once and writes its memory into the module: whoever instantiates it finds the prelude evaluated.

import { HEADER, Reader, constant, differences, section, sections, string, unsigned } from "../../../sdk/js/build/encode.js";
import { initialisingHost } from "./host.mjs";

/** Exports that only a build needs. */
const BUILD_ONLY = new Set(["_initialize", "alyx_runtime", "alyx_compile_prelude", "alyx_init"]);
const [EXPORTS, MEMORY, DATA, DATA_COUNT, CUSTOM] = [7, 5, 11, 12, 0];

export function snapshot(raw, prelude) {
  const module = new WebAssembly.Module(raw);
  const compiler = start(module);
  compiler.put(Buffer.from(prelude));
  const bytecode = compiler.take(compiler.run("alyx_compile_prelude"));
  const engine = start(module);
  engine.put(bytecode);
  engine.run("alyx_init");
  const { exports } = engine;
  const image = new Uint8Array(exports.memory.buffer);
  const out = [HEADER];
  for (const { id, body } of sections(raw)) {
    if (id === DATA_COUNT || id === CUSTOM) continue;
    const written = id === MEMORY ? [1, 0, ...unsigned(image.length / 65536)] : id === DATA ? data(image) : id === EXPORTS ? kept(body) : body;
    out.push(section(id, written));
  }
  return Buffer.concat(out);
}

/** A runtime without prelude. */
function start(module) {
  const host = initialisingHost();
  const { exports } = new WebAssembly.Instance(module, host.imports);
  host.memory = exports.memory;
  const run = (name) => {
    try {
      return exports[name]();
    } catch (error) {
      throw new Error(`the engine does not start: ${error.message}\n${host.error}\n${host.printed}`);
    }
  };
  const put = (bytes) => {
    const at = exports.alyx_buf(bytes.length);
    new Uint8Array(exports.memory.buffer, at, bytes.length).set(bytes);
  };
  const take = (length) => Buffer.from(exports.memory.buffer.slice(exports.alyx_buf_ptr(), exports.alyx_buf_ptr() + length));
  exports._initialize?.();
  run("alyx_runtime");
  return { exports, run, put, take };
}

/** Active segments for all that is not zero. */
function data(image) {
  const runs = differences(new Uint8Array(0), image);
  const segments = runs.map(([begin, end]) => Buffer.concat([Buffer.from([0, ...constant(begin), 0x0b, ...unsigned(end - begin)]), image.subarray(begin, end)]));
  return Buffer.concat([Buffer.from(unsigned(runs.length)), ...segments]);
}

function kept(body) {
  const reader = new Reader(body);
  const entries = [];
  for (let left = reader.unsigned(); left > 0; left--) {
    const name = Buffer.from(reader.take(reader.unsigned())).toString();
    const [kind] = reader.take(1);
    entries.push({ name, kind, index: reader.unsigned() });
  }
  const shown = entries.filter(({ name }) => !BUILD_ONLY.has(name));
  return [...unsigned(shown.length), ...shown.flatMap(({ name, kind, index }) => [...string(name), kind, ...unsigned(index)])];
}
