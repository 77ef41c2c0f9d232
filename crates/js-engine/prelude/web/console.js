// console: lines of the invocation's log.

import { define } from "./index.js";

const LEVELS = { trace: "trace", debug: "debug", log: "info", info: "info", warn: "warn", error: "error" };

export function installConsole(engine) {
  const console = {};
  for (const [name, level] of Object.entries(LEVELS)) {
    console[name] = (...values) => engine.log(level, values.map(show).join(" "));
  }
  console.assert = (holds, ...values) => {
    if (!holds) console.error("Assertion failed:", ...values);
  };
  define("console", console);
}

/** A value as a line of a log shows it. */
function show(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}${value.stack ? `\n${value.stack.trimEnd()}` : ""}`;
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? `${value}n` : String(value);
  const seen = new WeakSet();
  try {
    return JSON.stringify(value, (_, member) => {
      if (typeof member === "bigint") return `${member}n`;
      if (member instanceof Map) return Object.fromEntries(member);
      if (member instanceof Set) return [...member];
      if (typeof member === "object" && member !== null) {
        if (seen.has(member)) return "[Circular]";
        seen.add(member);
      }
      return member;
    }) ?? String(value);
  } catch (error) {
    return `[${Object.prototype.toString.call(value)}: ${error.message}]`;
  }
}
