// Self-contained plugins on other hosts: the reference Extism host, and wasmtime with the stack that the extension gives.
// Needs a Python with the packages wasmtime and extism, by default python3; ALYX_TEST_PYTHON names another.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { built } from "./support.js";

const PYTHON = process.env.ALYX_TEST_PYTHON ?? "python3";
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const missing = (name) =>
  spawnSync(PYTHON, ["-c", `import ${name}`]).status === 0 ? false : `${PYTHON} has no package ${name}: python -m venv V; V/bin/pip install wasmtime extism==1.1.1; ALYX_TEST_PYTHON=V/bin/python`;

// Each export recurses for ever, by way of something native where it is named so.
// trap_*: the parser over deep source uses more of wasm's own stack than the engine can see. It ends in a trap, which ends the call.
const RECURSION = `
const caught = (run) => () => { try { run(); } catch (e) { Host.outputString(e.name + ": " + e.message); return 0; } Host.outputString("fine"); return 0; };
const f = () => f() + 1;
export const plain = caught(f);
export const sort = caught(function g() { [2, 1].sort(g); });
export const replace = caught(function g() { "aa".replace(/a/g, g); });
export const to_json = caught(() => { const o = { toJSON() { return JSON.stringify(o); } }; JSON.stringify(o); });
export const getter = caught(() => { const o = { get a() { return o.a; } }; o.a; });
export const proxy = caught(() => { const p = new Proxy({}, { get: (_, k) => p[k] }); p.x; });
export const to_string = caught(() => { const o = { toString: () => "" + o }; "" + o; });
export const construct = caught(() => { class A { constructor() { new A(); } } new A(); });
export const reduce = caught(function g() { [1, 2].reduce(g); });
export const apply = caught(function g() { Reflect.apply(g, null, []); });
export const bound = caught(() => { let h = () => 1; for (let i = 0; i < 5000; i++) h = h.bind(null); h(); });
export const generator = caught(() => { function* g() { yield* g(); } [...g()]; });
export const proxies = caught(() => { let p = {}; for (let i = 0; i < 20000; i++) p = new Proxy(p, {}); p.x; });
export const prototypes = caught(() => { const p = {}; let o = p; for (let i = 0; i < 20000; i++) o = Object.create(o); o.x; });
export const json_stringify = caught(() => { let a = []; for (let i = 0; i < 20000; i++) a = [a]; JSON.stringify(a); });
export const json_parse = caught(() => { JSON.parse("[".repeat(20000)); throw new RangeError("parsed?"); });
export const regexp_match = caught(() => { /^(a|b)*c$/.test("ab".repeat(20000)); });
export const trap_evaluate = caught(() => { new Function("return " + "(".repeat(20000) + "1" + ")".repeat(20000))(); });
export const clone = caught(() => { let a = []; for (let i = 0; i < 20000; i++) a = [a]; structuredClone(a); });
export const flat = caught(() => { let a = []; for (let i = 0; i < 20000; i++) a = [a]; a.flat(Infinity); });
export const free_deep = caught(() => { let a = []; for (let i = 0; i < 200000; i++) a = [a]; a = null; });
`;

test("endless recursion is a RangeError within 1 MiB of wasm stack", { skip: missing("wasmtime") }, async () => {
  const run = spawnSync(PYTHON, [here("recursion.py"), await built(RECURSION, { standalone: true })], { encoding: "utf8", timeout: 60_000 });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test("a self-contained plugin runs on the reference Extism host", { skip: missing("extism") }, async () => {
  const plugin = await built(
    `let calls = 0;
     export function greet() { return { hello: Host.inputString(), calls: ++calls, length: new TextEncoder().encode("ä").length }; }
     export async function late() { await new Promise((done) => setTimeout(done, 60_000)); Host.outputString("late " + Host.inputString()); }
     export function fails() { throw new TypeError("as " + Host.inputString()); }`,
    { standalone: true },
  );
  const call = (name, input) => execFileSync(PYTHON, [here("extism_host.py"), plugin, name, input], { encoding: "utf8", stdio: "pipe" }).trim().split("\n");
  assert.deepEqual(call("greet", "wörld").map(JSON.parse), [{ hello: "wörld", calls: 1, length: 2 }, { hello: "wörld", calls: 2, length: 2 }]);
  assert.deepEqual(call("late", "x"), ["late x", "late x"]);
  assert.throws(() => call("fails", "told"), /TypeError: as told/);
});
