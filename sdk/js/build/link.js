// The link step: runs the engine on a bundle, compiled to bytecode in one instance and evaluated in another, whose memory is
// kept. What the source did wrong is told in its author's places.

import { join } from "node:path";
import { writeProgram, writeStandalone } from "./program.js";
import { BuildError } from "./problem.js";
import { SourceMap, mapStack } from "./source_map.js";

/** The module, the names of its exports, and the manifest of `export const config`. */
export function linkProgram({ engine, bundled, standalone, dir }) {
  return explained(bundled, dir, () => {
    const { base, loaded } = load(engine, bundled.code);
    const names = loaded.json("alyx_names");
    loaded.call("alyx_buf", 0);
    const image = loaded.copy();
    // After the copy: it may leave traces in memory.
    const manifest = loaded.exported("config");
    const texts = [["alyx.bundle", bundled.code], ["alyx.sourcemap", bundled.map]];
    if (manifest !== undefined) texts.push(["alyx.manifest", JSON.stringify(manifest)]);
    const wasm = (standalone ? writeStandalone : writeProgram)({ engine, base, image, names, texts });
    return { wasm, names, manifest };
  });
}

/** The JSON of one export, after the module's top level has run. */
export function evaluate({ engine, bundled, name, dir }) {
  return explained(bundled, dir, () => load(engine, bundled.code).loaded.exported(name));
}

function load(engine, code) {
  const module = new WebAssembly.Module(engine);
  const compiler = new Instance(module);
  compiler.put(Buffer.from(code));
  const bytecode = compiler.take(compiler.call("alyx_compile", 1));
  const loaded = new Instance(module);
  const base = loaded.copy();
  loaded.put(bytecode);
  loaded.call("alyx_load", 1);
  return { base, loaded };
}

/** An engine whose host has nothing to give: no time but SOURCE_DATE_EPOCH, no randomness, no calls. */
class Instance {
  #exports;
  #kernel = new DataView(new ArrayBuffer(1 << 20));
  #lengths = new Map();
  #next = 8;
  #error = "";

  constructor(module) {
    const fallback = (what) => new Proxy({}, { get: (_, name) => what[name] ?? (() => { throw new Error(`${String(name)} is not available while the module is being initialised`); }) });
    this.#exports = new WebAssembly.Instance(module, {
      "extism:host/env": fallback(this.#env()),
      "extism:host/user": fallback({}),
      "alyx:host/memory": {
        load: (offset, at, length) => this.#memory(at, length).set(this.#blocks(offset, length)),
        store: (offset, at, length) => this.#blocks(offset, length).set(this.#memory(at, length)),
      },
      wasi_snapshot_preview1: fallback(this.#wasi()),
    }).exports;
  }

  /** Calls an export; what it reports by error_set is about the source. */
  call(name, ...args) {
    this.#error = "";
    const result = this.#exports[name](...args);
    if (this.#error !== "" || result === -1) throw new SourceError(this.#error || `${name} failed`);
    return result;
  }

  copy() {
    return new Uint8Array(this.#exports.memory.buffer.slice(0));
  }

  put(bytes) {
    const at = this.call("alyx_buf", bytes.length);
    new Uint8Array(this.#exports.memory.buffer, at, bytes.length).set(bytes);
  }

  take(length) {
    const at = this.call("alyx_buf_ptr");
    return Buffer.from(this.#exports.memory.buffer.slice(at, at + length));
  }

  json(name) {
    const text = this.take(this.call(name)).toString();
    return text === "" ? undefined : JSON.parse(text);
  }

  exported(name) {
    this.put(Buffer.from(name));
    return this.json("alyx_export_json");
  }

  #memory(at, length) {
    return new Uint8Array(this.#exports.memory.buffer, at, length);
  }

  #blocks(offset, length) {
    return new Uint8Array(this.#kernel.buffer, Number(offset), length);
  }

  /** Enough of Extism for error messages and console lines. */
  #env() {
    const drop = () => {};
    return {
      alloc: (size) => {
        const at = this.#next;
        this.#next += Number(size) + 8;
        if (this.#next > this.#kernel.byteLength) throw new Error("too much text while the module is being initialised");
        this.#lengths.set(at, Number(size));
        return BigInt(at);
      },
      free: drop,
      length: (at) => BigInt(this.#lengths.get(Number(at)) ?? 0),
      store_u8: (at, value) => this.#kernel.setUint8(Number(at), value),
      store_u64: (at, value) => this.#kernel.setBigUint64(Number(at), BigInt.asUintN(64, value), true),
      error_set: (at) => {
        this.#error = new TextDecoder().decode(new Uint8Array(this.#kernel.buffer, Number(at), this.#lengths.get(Number(at)) ?? 0));
      },
      log_trace: drop, log_debug: drop, log_info: drop, log_warn: drop, log_error: drop,
    };
  }

  #wasi() {
    const view = () => new DataView(this.#exports.memory.buffer);
    return {
      clock_time_get: (_clock, _precision, at) => {
        view().setBigUint64(at, BigInt(process.env.SOURCE_DATE_EPOCH ?? 0) * 1_000_000_000n, true);
        return 0;
      },
      fd_write: (_file, vectors, count, at) => {
        let written = 0;
        for (let i = 0; i < count; i++) written += view().getUint32(vectors + 8 * i + 4, true);
        view().setUint32(at, written, true);
        return 0;
      },
    };
  }
}

class SourceError extends Error {}

/** What the top level threw, where the source has it. */
function explained({ map: json }, dir, work) {
  try {
    return work();
  } catch (error) {
    const isTrap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    if (!(error instanceof SourceError) && !isTrap) throw error;
    if (isTrap) throw new BuildError([{ text: `the module's top level does not come to an end: ${error.message}`, notes: [] }]);
    const map = new SourceMap(json);
    const [text, ...stack] = error.message.split("\n");
    const place = stack.map((line) => /bundle\.js:(\d+):(\d+)/.exec(line)).find((found) => found !== null);
    const found = place === undefined ? undefined : map.find(Number(place[1]), Number(place[2]));
    const at = found === undefined ? {} : { file: join(dir, found.file), line: found.line, column: found.column };
    throw new BuildError([{ text, ...at, notes: stack.slice(0, 10).map((line) => mapStack(line, map).trim()) }]);
  }
}
