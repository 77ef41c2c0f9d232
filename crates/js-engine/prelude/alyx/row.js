// The row of a trigger: a copy that the function may change, and what it changed.

import { bindable } from "./values.js";

/** A copy that shares nothing with the original. */
export function copyRow(row) {
  const copy = {};
  for (const name in row) {
    const value = row[name];
    copy[name] = typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value)) : value;
  }
  return copy;
}

/**
 * Columns that differ; undefined when none does. The others are not sent back, so that a numeric with more digits than a
 * JavaScript number has keeps them.
 */
export function changes(original, row) {
  let changed;
  for (const name of Object.keys(row)) {
    const value = row[name];
    const before = original[name];
    if (value === before || value === undefined) continue;
    const sent = bindable(value);
    if (sent === before) continue;
    if (typeof sent === "object" && typeof before === "object" && JSON.stringify(sent) === JSON.stringify(before)) continue;
    (changed ??= {})[name] = sent;
  }
  return changed;
}

/** Whether what a trigger returns has an effect. */
export function canChange(database) {
  return database.level === "ROW" && database.timing !== "AFTER";
}
