// Minutes without calls have their place, and a list that is read again keeps what is older.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.js";

const { lonePoints, toColumns } = await load("parts/minutes.ts");

test("each minute of the window has its place", () => {
  const now_ms = Date.UTC(2026, 0, 1, 12, 0, 30);
  const minute = (text, calls, p95_ms) => ({ minute: text, calls, errors: 1, p95_ms });
  const columns = toColumns([minute("2026-01-01T11:56:00Z", 9, 9), minute("2026-01-01T12:58:00+01:00", 4, 2.5), minute("2026-01-01T12:00:00Z", 1, null)], now_ms, { minutes: 3, step_minutes: 1 });
  assert.deepEqual(columns.at_s.map((at) => new Date(at * 1000).toISOString().slice(11, 16)), ["11:58", "11:59", "12:00"]);
  assert.deepEqual([columns.calls, columns.errors, columns.p95_ms], [[4, 0, 1], [1, 0, 1], [2.5, null, null]]);
});

test("in steps of five minutes the rate is still by minute", () => {
  const now_ms = Date.UTC(2026, 0, 1, 12, 6, 30);
  const minute = (text, calls, p95_ms) => ({ minute: `2026-01-01T${text}:00Z`, calls, errors: 0, p95_ms });
  const columns = toColumns([minute("11:59", 9, 1), minute("12:00", 10, 2), minute("12:04", 5, 7), minute("12:06", 8, 3)], now_ms, { minutes: 10, step_minutes: 5 });
  assert.deepEqual([columns.calls, columns.p95_ms], [[3, 4], [7, 3]]);
});

test("points that no line leads to are found", () => {
  assert.deepEqual(lonePoints([1, null, 2, 3, null, 4]), [0, 5]);
});

globalThis.document = { baseURI: "http://gateway.test/_admin/functions" };
globalThis.sessionStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
const { listAll, mergeNewest } = await load("api/lists.ts");
const merge = (newest, known, limit) => mergeNewest([...newest], [...known], (item) => item, limit).join("");

test("the newest part is read again, the older stays", () => {
  assert.equal(merge("fedcb", "edcba", 5), "fedcba");
  assert.equal(merge("gf", "edc", 2), "gf", "what is between is not known");
  assert.equal(merge("c", "cba", 5), "c", "a reply that is not full is all there is");
  assert.equal(merge("ba", "ba", 2), "ba");
});

test("all pages of a list are read, also from a server that knows no pages", async () => {
  const names = Array.from({ length: 1234 }, (_, index) => ({ name: String(index).padStart(4, "0") }));
  let isPaged = true;
  globalThis.fetch = async (url) => {
    const after = new URL(url).searchParams.get("after");
    return Response.json({ items: names.filter(({ name }) => !isPaged || after === null || name > after).slice(0, 500) });
  };
  assert.equal((await listAll("functions", ({ name }) => name)).length, 1234);
  isPaged = false;
  assert.equal((await listAll("functions", ({ name }) => name)).length, 500);
});
