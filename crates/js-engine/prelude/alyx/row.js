// The row of a trigger, which the function may change, and what it changed.

import { engine } from "./host.js";
import { bindable } from "./values.js";

/**
 * What a row holds before the function has it. Objects (json columns, arrays) are shared with it: what they were is read
 * again from the input in the rare case that they are there.
 */
export function remember(row) {
  return { ...row };
}

/**
 * Columns that differ; undefined when none does. The others are not sent back, so that a numeric with more digits than a
 * JavaScript number has keeps them.
 */
export function changes(before, row) {
  let changed;
  let original;
  const names = Object.keys(row);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = row[name];
    const was = before[name];
    if (value === undefined || (value === was && (typeof value !== "object" || value === null))) continue;
    const sent = bindable(value);
    if (sent === was && (typeof sent !== "object" || sent === null)) continue;
    if (typeof sent === "object" && sent !== null && typeof was === "object" && was !== null) {
      original ??= engine.inputJson().database.new;
      if (JSON.stringify(sent) === JSON.stringify(original[name])) continue;
    }
    (changed ??= {})[name] = sent;
  }
  return changed;
}

/** Whether what a trigger returns has an effect. */
export function canChange(database) {
  return database.level === "ROW" && database.timing !== "AFTER";
}
