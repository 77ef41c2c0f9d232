// Input and answers are read by a reader of our own (crates/js-engine/engine/json.c): it must read what JSON.parse reads,
// and refuse what JSON.parse refuses. Node's is the other opinion.

import assert from "node:assert/strict";
import test from "node:test";
import { handling } from "./support.js";

/** Numbers that look random and are the same in each run. */
function dice(seed) {
  let state = seed;
  const next = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return { next, one: (list) => list[next(list.length)] };
}

const NAMES = ["id", "name", "a", "b", "title", "__proto__", "constructor", "0", "17", "length", "", "ä", "a\\u0062c", "toJSON\\n", "x".repeat(40)];
const TEXTS = ["", "plain", "exactly8", "sixteen letters!", "ä", "日本語", "🙂 tail", "a\\nb", "\\\"quoted\\\"", "\\\\", "\\u00e4", "\\ud83d\\ude42", "\\ud800", "\\udc00x", "\\/", "\\b\\f\\r\\t", "x".repeat(100), "é".repeat(9), "0123456\\u0000"];
const NUMBERS = ["0", "-0", "7", "-1", "42", "2147483647", "2147483648", "-2147483649", "999999999999999", "9007199254740993", "12345678901234567890", "0.1", "-0.0", "1.5", "3.14159", "100.25", "1e3", "1E+3", "1.5e-7", "1e22", "1e23", "4.9e-324", "1.7976931348623157e308", "1e400", "-1e-400", "0.1234567890123456789", "123456789012345.6", "0e0", "0.000001"];
const SPACES = ["", "", "", " ", "\n", "\t\r\n "];

function text(random, depth) {
  const gap = () => random.one(SPACES);
  const many = (make) => Array.from({ length: random.next(5) }, make).join(`${gap()},${gap()}`);
  switch (random.next(depth > 4 ? 5 : 7)) {
    case 0: return random.one(["true", "false", "null"]);
    case 1: case 2: return random.one(NUMBERS);
    case 3: case 4: return `"${random.one(TEXTS)}"`;
    case 5: return `[${gap()}${many(() => text(random, depth + 1))}${gap()}]`;
    default: return `{${gap()}${many(() => `"${random.one(NAMES)}"${gap()}:${gap()}${text(random, depth + 1)}`)}${gap()}}`;
  }
}

const bytes = (json) => new TextEncoder().encode(json);

test("what JSON.parse reads is read alike", async () => {
  const echo = await handling("return ctx.input;");
  const random = dice(1);
  for (let round = 0; round < 60; round++) {
    const json = `[${Array.from({ length: 40 }, () => text(random, 0)).join(",")}]`;
    assert.equal(JSON.stringify(await echo.call(bytes(json))), JSON.stringify(JSON.parse(json)), json);
  }
});

test("what JSON.parse refuses is refused", async () => {
  const read = await handling("try { return { read: ctx.input }; } catch (e) { return { refused: e.cause.name }; }");
  const random = dice(2);
  const broken = ["", " ", "01", "1.", ".5", "+1", "-", "1e", "1e+", "--1", "nul", "nulll", "truefalse", "'a'", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"a\nb\"", "[1,]", "[,1]", "[1 2]", "[", "]", "{", "}", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "1 2", "NaN", "Infinity", "\u00a01", "[1]x"];
  for (let round = 0; round < 1500; round++) {
    const whole = text(random, 0);
    const at = random.next(whole.length);
    const insert = random.one(["", "", "\"", "\\", ",", ":", "}", "]", "0", "\n", "\u0001", "e", "-"]);
    broken.push((whole.slice(0, at) + insert + whole.slice(at + random.next(2))).toWellFormed());
  }
  for (const json of broken) {
    let wanted;
    try {
      wanted = { read: json === "" ? null : JSON.parse(json) };
    } catch {
      wanted = { refused: "SyntaxError" };
    }
    assert.equal(JSON.stringify(await read.call(bytes(json))), JSON.stringify(wanted), JSON.stringify(json));
  }
});

test("rows of one shape, and of one that changes midway, keep their columns", async () => {
  const echo = await handling("return ctx.input.map((row) => [Object.keys(row), Object.values(row)]);");
  const rows = Array.from({ length: 50 }, (_, i) => {
    const row = { id: i, name: `n${i}`, tags: [i, { id: -i, name: null }], ok: i % 2 === 0 };
    if (i % 7 === 3) delete row.name;
    if (i % 11 === 5) row.more = { id: i };
    if (i % 13 === 6) row.id = undefined;
    return row;
  });
  assert.deepEqual(await echo.call(rows), JSON.parse(JSON.stringify(rows)).map((row) => [Object.keys(row), Object.values(row)]));
  const changed = await handling("const [a, b] = ctx.input; a.extra = 1; delete b.id; return [a, b, ctx.input[2]];");
  const row = { id: 1, name: "x" };
  assert.deepEqual(await changed.call([row, row, row]), [{ ...row, extra: 1 }, { name: "x" }, row], "objects of one shape are apart");
});

test("zero keeps its sign, deep nesting is read, bytes that are no UTF-8 are not", async () => {
  const signs = await handling("return ctx.input.map((n) => Object.is(n, -0));");
  assert.deepEqual(await signs.call(bytes("[0,-0,-0.0,0.0,-0e5,-1e-400]")), [false, true, true, false, true, true]);
  const deep = await handling("let n = 0; for (let v = ctx.input; Array.isArray(v); v = v[0]) n++; return n;");
  assert.equal(await deep.call(bytes("[".repeat(300) + "]".repeat(300))), 300);
  const shared = await handling("return ctx.input;");
  const wrong = new Uint8Array([0x22, 0xff, 0x22]);
  const read = await shared.call(wrong).catch((error) => error.message);
  assert.match(String(read), /not JSON|\ufffd/);
});
