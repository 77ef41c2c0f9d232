// A host for one instance of the engine in Node: Extism's blocks, WASI's clock and random numbers, and host functions that
// a test gives. It checks nothing that the extension checks (rights, limits, SQL): it only carries values.

import { randomFillSync } from "node:crypto";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Offset 0 means "no block". */
const FIRST_BLOCK = 64;

export class Host {
  /** Lines of console.*: `{ level, message }`. */
  lines = [];
  error;
  output;
  #memory = new DataView(new ArrayBuffer(1 << 16));
  #next = FIRST_BLOCK;
  #lengths = new Map();
  #input = new Uint8Array(0);
  #variables = new Map();
  #status = 0;
  #answer;
  #config;

  /**
   * @param {{ answer(name: string, request: any): any, config?: Record<string, string> }} given
   *   `answer` is every function of `extism:host/user`: request in, response out.
   */
  constructor({ answer, config = {} }) {
    this.#answer = answer;
    this.#config = config;
  }

  /** Forgets the call before, and has this input. */
  begin(input) {
    this.#next = FIRST_BLOCK;
    this.#lengths.clear();
    this.#input = typeof input === "string" ? encoder.encode(input) : input;
    this.output = undefined;
    this.error = undefined;
  }

  /** Imports for a module; `memory` is asked for when one that needs it is first called. */
  imports(memory) {
    return {
      "extism:host/env": named((name) => this.#env[name]),
      "extism:host/user": named((name) => (offset) => this.#ask(name, offset)),
      "alyx:host/memory": {
        load: (offset, at, length) => new Uint8Array(memory().buffer, at, length).set(this.#bytes(offset, length)),
        store: (offset, at, length) => new Uint8Array(this.#memory.buffer).set(new Uint8Array(memory().buffer, at, length), Number(offset)),
      },
      wasi_snapshot_preview1: named((name) => wasi(memory)[name] ?? (() => 52)),
    };
  }

  #ask(name, offset) {
    const answer = this.#answer(name, JSON.parse(this.#text(offset)));
    return this.#block(encoder.encode(JSON.stringify(answer ?? {})));
  }

  #alloc(length) {
    const offset = this.#next;
    this.#next += length + 8;
    if (this.#next + 8 > this.#memory.byteLength) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(this.#next + 8)));
      larger.set(new Uint8Array(this.#memory.buffer));
      this.#memory = new DataView(larger.buffer);
    }
    this.#lengths.set(offset, length);
    return offset;
  }

  #block(bytes) {
    if (bytes.length === 0) return 0n;
    const offset = this.#alloc(bytes.length);
    new Uint8Array(this.#memory.buffer).set(bytes, offset);
    return BigInt(offset);
  }

  #bytes(offset, length = this.#lengths.get(Number(offset)) ?? 0) {
    return new Uint8Array(this.#memory.buffer).slice(Number(offset), Number(offset) + Number(length));
  }

  #text(offset) {
    return decoder.decode(this.#bytes(offset));
  }

  #log(level) {
    return (offset) => {
      this.lines.push({ level, message: this.#text(offset) });
    };
  }

  #env = {
    alloc: (length) => BigInt(this.#alloc(Number(length))),
    free: () => {},
    length: (offset) => BigInt(this.#lengths.get(Number(offset)) ?? 0),
    length_unsafe: (offset) => BigInt(this.#lengths.get(Number(offset)) ?? 0),
    load_u8: (at) => this.#memory.getUint8(Number(at)),
    load_u64: (at) => this.#memory.getBigUint64(Number(at), true),
    store_u8: (at, value) => this.#memory.setUint8(Number(at), value),
    store_u64: (at, value) => this.#memory.setBigUint64(Number(at), BigInt.asUintN(64, value), true),
    input_length: () => BigInt(this.#input.length),
    input_offset: () => this.#block(this.#input),
    input_load_u8: (at) => this.#input[Number(at)] ?? 0,
    input_load_u64: (at) => {
      const end = Number(at) + 8;
      return end > this.#input.length ? 0n : new DataView(this.#input.buffer, this.#input.byteOffset).getBigUint64(Number(at), true);
    },
    output_set: (offset, length) => {
      this.output = this.#bytes(offset, length);
    },
    error_set: (offset) => {
      this.error = this.#text(offset);
    },
    config_get: (key) => this.#block(encoder.encode(this.#config[this.#text(key)] ?? "")),
    var_get: (key) => this.#block(this.#variables.get(this.#text(key)) ?? new Uint8Array(0)),
    var_set: (key, value) => {
      if (value === 0n) this.#variables.delete(this.#text(key));
      else this.#variables.set(this.#text(key), this.#bytes(value));
    },
    http_request: (request, body) => {
      const asked = JSON.parse(this.#text(request));
      const reply = this.#answer("http_fetch", { ...asked, body: body === 0n ? undefined : this.#text(body) });
      this.#status = reply.status;
      return this.#block(encoder.encode(reply.body ?? ""));
    },
    http_status_code: () => this.#status,
    http_headers: () => 0n,
    log_trace: this.#log("trace"),
    log_debug: this.#log("debug"),
    log_info: this.#log("info"),
    log_warn: this.#log("warn"),
    log_error: this.#log("error"),
    get_log_level: () => 0,
  };
}

/** Imports by name, whichever the module asks for; one that there is not fails when it is called. */
function named(find) {
  return new Proxy({}, {
    get: (_, name) => find(name) ?? (() => { throw new Error(`the test host has no ${String(name)}`); }),
  });
}

/** Clock, random numbers, and standard output thrown away. */
function wasi(memory) {
  const view = () => new DataView(memory().buffer);
  return {
    clock_time_get(_clock, _precision, at) {
      view().setBigUint64(at, BigInt(Date.now()) * 1_000_000n, true);
      return 0;
    },
    random_get(at, length) {
      randomFillSync(new Uint8Array(memory().buffer, at, length));
      return 0;
    },
    fd_write(_file, vectors, count, at) {
      let written = 0;
      for (let i = 0; i < count; i++) written += view().getUint32(vectors + 8 * i + 4, true);
      view().setUint32(at, written, true);
      return 0;
    },
  };
}
