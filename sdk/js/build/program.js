// Writes modules from memories: a program for the shared engine, or a self-contained plugin. crates/js-engine/src/program.rs
// writes the same bytes for the same memories.

import { createHash } from "node:crypto";
import { HEADER, Reader, constant, custom, differences, section, sections, string, unsigned } from "./encode.js";

const PAGE = 65536;

/** The name that a program imports the engine by. */
export function engineName(engine) {
  return `alyx:js-engine/${createHash("sha256").update(engine).digest("hex").slice(0, 16)}`;
}

/** A program: what differs from a fresh engine's memory, and a function for each export. */
export function writeProgram({ engine, base, image, names, texts }) {
  const runs = differences(base, image);
  const name = engineName(engine);
  const morePages = Math.max(0, (image.length - base.length) / PAGE);
  const start = [0, ...(morePages > 0 ? [...constant(morePages), 0x40, 0, 0x1a] : [])];
  let from = 0;
  for (const [begin, end] of runs) {
    start.push(...constant(begin), ...constant(from), ...constant(end - begin), 0xfc, 8, 0, 0);
    from += end - begin;
  }
  start.push(0xfc, 9, 0, 0x0b);
  const bodies = [[...unsigned(start.length), ...start], ...names.map((_, i) => trampoline(i, 0))];
  return Buffer.concat([
    HEADER,
    // () -> (), () -> i32, (i32) -> i32
    section(1, [3, 0x60, 0, 0, 0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f]),
    section(2, [2, ...string(name), ...string("memory"), 2, 0, ...unsigned(base.length / PAGE), ...string(name), ...string("alyx_invoke"), 0, 2]),
    section(3, [...unsigned(names.length + 1), 0, ...names.map(() => 1)]),
    section(7, [...unsigned(names.length), ...names.flatMap((one, i) => [...string(one), 0, ...unsigned(i + 2)])]),
    // Function 0 is imported, 1 starts.
    section(8, [1]),
    section(12, [1]),
    section(10, [...unsigned(bodies.length), ...bodies.flat()]),
    section(11, Buffer.concat([Buffer.from([1, 1, ...unsigned(from)]), ...runs.map(([begin, end]) => image.subarray(begin, end))])),
    ...texts.map(([title, text]) => custom(title, text)),
  ]);
}

/** A self-contained plugin: the engine with another memory, and its own exports in place of the linker's. */
export function writeStandalone({ engine, image, names, texts }) {
  const found = new Map(sections(engine).filter(({ id }) => id !== 0).map(({ id, body }) => [id, body]));
  const { memory, invoke, event } = exportsOf(found.get(7));
  const types = counted(found.get(1));
  const functions = counted(found.get(3));
  const codes = counted(found.get(10));
  const imported = importedFunctions(found.get(2));
  const runs = differences(new Uint8Array(0), image);
  const exported = [
    [...string("memory"), 2, ...unsigned(memory)],
    [...string("alyx_event"), 3, ...unsigned(event)],
    ...names.map((name, i) => [...string(name), 0, ...unsigned(imported + functions.count + i)]),
  ];
  const written = new Map(found);
  written.set(1, more(types, [[0x60, 0, 1, 0x7f]]));
  written.set(3, more(functions, names.map(() => unsigned(types.count))));
  written.set(5, Buffer.from([1, 0, ...unsigned(image.length / PAGE)]));
  written.set(7, Buffer.from([...unsigned(exported.length), ...exported.flat()]));
  written.set(10, more(codes, names.map((_, i) => trampoline(i, invoke))));
  written.set(11, Buffer.concat([
    Buffer.from(unsigned(runs.length)),
    ...runs.flatMap(([begin, end]) => [Buffer.from([0, ...constant(begin), 0x0b, ...unsigned(end - begin)]), image.subarray(begin, end)]),
  ]));
  if (written.has(12)) written.set(12, Buffer.from(unsigned(runs.length)));
  // The data count stands before the code, else sections are in the order of their numbers.
  const order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11].filter((id) => written.has(id));
  return Buffer.concat([HEADER, ...order.map((id) => section(id, written.get(id))), ...texts.map(([title, text]) => custom(title, text))]);
}

/** `() -> i32`: alyx_invoke of the i-th export. */
function trampoline(i, invoke) {
  const body = [0, ...constant(i), 0x10, ...unsigned(invoke), 0x0b];
  return [...unsigned(body.length), ...body];
}

/** A section that is a count and its members. */
function counted(body) {
  const reader = new Reader(body);
  const count = reader.unsigned();
  return { count, rest: body.subarray(reader.at) };
}

function more({ count, rest }, added) {
  return Buffer.concat([Buffer.from(unsigned(count + added.length)), rest, Buffer.from(added.flat())]);
}

function exportsOf(body) {
  const reader = new Reader(body);
  const found = {};
  for (let left = reader.unsigned(); left > 0; left--) {
    const name = Buffer.from(reader.take(reader.unsigned())).toString();
    reader.take(1);
    found[name] = reader.unsigned();
  }
  return { memory: found.memory, invoke: found.alyx_invoke, event: found.alyx_event };
}

/** The engine imports functions only. */
function importedFunctions(body) {
  return new Reader(body).unsigned();
}
