// Numbers and times as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.js";

const { bytes, count, duration, json, relative, share, utcTime } = await load("parts/format.ts");

test("numbers have units, and what is not known is a dash", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.deepEqual([null, 0, 0.0421, 1.2345, 42.42, 999, 1500, 59_999, 61_000, 119_600].map(duration), ["–", "0 ms", "42.1 µs", "1.23 ms", "42.4 ms", "999 ms", "1.50 s", "60.0 s", "1 min 1 s", "2 min 0 s"]);
  assert.deepEqual([undefined, 0, 1023, 1024, 5_000_000, 2 ** 40].map(bytes), ["–", "0 B", "1023 B", "1.00 KiB", "4.77 MiB", "1.00 TiB"]);
  assert.deepEqual([[0, 0], [0, 9], [1, 10_000], [1, 40], [1, 2]].map(([part, all]) => share(part, all)), ["–", "0 %", "< 0.1 %", "2.5 %", "50 %"]);
});

test("times are relative to the present", () => {
  const now_ms = Date.UTC(2026, 2, 1, 12);
  const at = (seconds) => relative(new Date(now_ms + seconds * 1000), now_ms);
  assert.deepEqual([0, -4, -59, -61, -7199, 90, 90_000].map(at), ["just now", "just now", "59 s ago", "1 min ago", "1 h ago", "in 1 min", "in 1 d"]);
  assert.match(at(-40 * 86_400), /^2026-01-\d\d$/);
  assert.equal(utcTime(new Date(now_ms)), "2026-03-01 12:00:00 UTC");
});

test("JSON text keeps its quotes", () => {
  assert.deepEqual([json("1"), json(1), json({ a: [] })], ['"1"', "1", '{\n  "a": []\n}']);
});
