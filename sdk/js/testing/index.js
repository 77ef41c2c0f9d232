// Unit tests of functions on the real engine, in Node: the module that would be deployed, with a host that the test plays.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "../build/index.js";
import { findEntry } from "../build/entry.js";
import { readEngine } from "../build/engine.js";
import { SourceMap, mapStack } from "../build/source_map.js";
import { Host } from "./host.js";

/** What a function ended with; the fields are those that the SQL error would have. */
export class Failure extends Error {
  constructor(raised, text) {
    super(raised.message ?? text.split("\n")[0]);
    this.name = "Failure";
    for (const [key, value] of Object.entries(raised)) if (key !== "message" && key !== "stack") this[key] = value;
    this.code = raised.sqlstate ?? raised.code ?? "38000";
    /** Frames of the function, in its sources. */
    this.frames = text.split("\n").slice(1).join("\n");
  }
}

/** Builds a function, or reads a module that is built, and gives it a host. */
export async function load(source, options = {}) {
  const path = source instanceof URL ? fileURLToPath(source) : source;
  if (path.endsWith(".wasm")) return new Program(readFileSync(path), options);
  const built = await compile({ ...findEntry(path), engine: options.engine });
  return new Program(built.wasm, options);
}

class Program {
  /** Requests to the host since the program was loaded: `{ name, request }`. */
  calls = [];
  #options;
  #engine;
  #program;
  #map;
  #failed;
  #raised;
  #kv = new Map();
  #jobs = 0;

  constructor(wasm, options) {
    this.#options = options;
    this.#program = new WebAssembly.Module(wasm);
    const wanted = WebAssembly.Module.imports(this.#program).find((one) => one.module.startsWith("alyx:js-engine/"));
    if (wanted !== undefined) this.#engine = engine(wanted.module, options.engine);
    const [map] = WebAssembly.Module.customSections(this.#program, "alyx.sourcemap");
    if (map !== undefined) this.#map = new SourceMap(new TextDecoder().decode(map));
  }

  /** Statements so far, without the other requests. */
  get statements() {
    return this.calls.filter(({ name }) => name === "db_query").map(({ request }) => request);
  }

  /** Lines of ctx.log. */
  get logs() {
    return this.calls.filter(({ name }) => name === "log").map(({ request }) => request);
  }

  get names() {
    return WebAssembly.Module.exports(this.#program).filter(({ kind }) => kind === "function").map(({ name }) => name);
  }

  /** Calls an export as SQL does; the result. */
  async call(input, { name = "handler" } = {}) {
    return this.#invoke(name, input, false);
  }

  /** Calls an export with an event; the outcome. Members that are left out are made up. */
  async event(event, { name = "handler" } = {}) {
    return this.#invoke(name, { ...this.#facts(event.trigger ?? (event.database === undefined ? "queue" : "database")), input: null, ...event }, true);
  }

  /** A fresh instance for each call, as with `instances: fresh`. */
  #invoke(name, input, isEvent) {
    const host = new Host({ answer: (called, request) => this.#answer(called, request), config: this.#options.env });
    let memory;
    const imports = host.imports(() => memory);
    let base;
    if (this.#engine !== undefined) {
      base = new WebAssembly.Instance(this.#engine.module, imports).exports;
      memory = base.memory;
      imports[this.#engine.name] = base;
    }
    host.begin("");
    const program = new WebAssembly.Instance(this.#program, imports).exports;
    memory ??= program.memory;
    const entry = program[name];
    if (typeof entry !== "function") throw new TypeError(`the module exports no "${name}"; it has ${this.names.join(", ")}`);
    const flag = base?.alyx_event ?? program.alyx_event;
    if (flag !== undefined) new DataView(memory.buffer).setInt32(flag.value, isEvent ? 1 : 0, true);
    host.begin(input === undefined ? "" : input instanceof Uint8Array ? input : JSON.stringify(input));
    this.#raised = undefined;
    this.#failed = undefined;
    const code = entry();
    if (this.#raised !== undefined || code !== 0 || host.error) throw this.#failure(host, code);
    return read(host.output);
  }

  /** Which error the caller would see: the one that was raised, or the statement's that nobody caught. */
  #failure(host, code) {
    const text = host.error ?? `exit code ${code}`;
    const mapped = this.#map === undefined ? text : mapStack(text, this.#map);
    const original = this.#failed !== undefined && text.includes(this.#failed.message) ? this.#failed : undefined;
    return new Failure(this.#raised ?? original ?? {}, mapped);
  }

  #facts(trigger) {
    const auth = { role: "tester", id: null, email: null, claims: null, ...this.#options.auth };
    return { id: "00000000-0000-7000-8000-000000000001", function: { name: "test", version: 1 }, trigger, auth, attempt: 1 };
  }

  #answer(name, request) {
    this.calls.push({ name, request });
    try {
      const answer = this.#find(name, request);
      if (name.startsWith("db_") && name !== "db_rollback") this.#failed = undefined;
      return answer;
    } catch (error) {
      const fields = { code: error.code ?? "XX000", message: error.message };
      for (const key of ["detail", "hint", "schema", "table", "column", "datatype", "constraint"]) {
        if (error[key] !== undefined) fields[key] = error[key];
      }
      this.#failed = fields;
      return { error: fields };
    }
  }

  #find(name, request) {
    const given = this.#options.host?.[name];
    if (given !== undefined) return given(request);
    switch (name) {
      case "db_query":
        return rowsOf(this.#query(request.sql, request.params));
      case "db_batch":
        return { results: request.statements.map(({ sql, params }) => rowsOf(this.#query(sql, params))) };
      case "http_fetch": {
        if (this.#options.fetch === undefined) throw refused(`a request to ${request.url}`, "fetch");
        return { status: 200, headers: {}, body: "", url: request.url, redirected: false, ...this.#options.fetch(withText(request)) };
      }
      case "env":
        return { value: this.#options.env?.[request.key] ?? null };
      case "context":
        return this.#facts("sql");
      case "raise":
        this.#raised = request;
        return {};
      case "fn_invoke": {
        const other = this.#options.functions?.[request.name];
        if (other === undefined) throw refused(`a call of function "${request.name}"`, "functions");
        return { result: other(request.input ?? {}) ?? null };
      }
      case "fn_enqueue":
        return { id: `00000000-0000-7000-8000-${String(++this.#jobs).padStart(12, "0")}` };
      case "kv_get":
        return this.#kv.has(request.key) ? { value: this.#kv.get(request.key), exists: true } : { value: null, exists: false };
      case "kv_set":
        this.#kv.set(request.key, request.value);
        return {};
      case "kv_delete":
        return { deleted: this.#kv.delete(request.key) };
      case "kv_list": {
        const keys = [...this.#kv.keys()].filter((key) => key.startsWith(request.prefix ?? "")).sort();
        return { entries: keys.map((key) => ({ key, value: this.#kv.get(key), expires_at: null })), more: false };
      }
      default:
        return {};
    }
  }

  #query(sql, params) {
    if (this.#options.db === undefined) throw refused(`the statement ${sql}`, "db");
    return this.#options.db(sql, params);
  }
}

function refused(what, option) {
  return Object.assign(new Error(`${what} came to a test host that has no answer: give load the option "${option}"`), { code: "0A000" });
}

/** The engine's fetch sends bytes; a test would rather read text. */
function withText(request) {
  if (request.body_base64 === undefined) return request;
  return { ...request, body: Buffer.from(request.body_base64, "base64").toString() };
}

/** What a test answers to a statement: rows, a number of changed rows, or the whole response. */
function rowsOf(answer) {
  if (Array.isArray(answer)) return { rows: answer, columns: Object.keys(answer[0] ?? {}), row_count: answer.length };
  if (typeof answer === "number") return { rows: [], columns: [], row_count: answer };
  return answer ?? { rows: [], columns: [], row_count: 0 };
}

function read(output) {
  if (output === undefined) return undefined;
  const text = new TextDecoder().decode(output);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Compiled once: it is most of the time of a test. */
const engines = new Map();

function engine(name, folder) {
  let found = engines.get(name);
  if (found === undefined) {
    const bytes = readEngine({ folder });
    const own = `alyx:js-engine/${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
    if (own !== name) throw new Error(`the module was built for ${name}, the engine here is ${own}: build it again`);
    found = { name, module: new WebAssembly.Module(bytes) };
    engines.set(name, found);
  }
  return found;
}
