// Problems that a build reports: where, what, and the line of source that it is about.

import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";

/** A build that failed for reasons that its author can mend. */
export class BuildError extends Error {
  /** @param {Problem[]} problems */
  constructor(problems) {
    super(problems.map((problem) => problem.text).join("\n"));
    this.name = "BuildError";
    this.problems = problems;
  }
}

/**
 * @typedef {{ text: string, file?: string, line?: number, column?: number, length?: number, source?: string, notes?: string[] }} Problem
 * `line` and `column` count from 1.
 */

/** One problem without a place. */
export function refuse(text, ...notes) {
  return new BuildError([{ text, notes }]);
}

/** `file:line:column: error: text`, the line itself, and what to do. */
export function format(problem, cwd = process.cwd(), severity = "error") {
  const place = problem.file === undefined ? "" : `${show(problem.file, cwd)}:${problem.line ?? 1}:${problem.column ?? 1}: `;
  let out = `${place}${severity}: ${problem.text}\n`;
  const source = problem.source ?? sourceLine(problem);
  if (source !== undefined && problem.line !== undefined) {
    const number = String(problem.line);
    const column = Math.max(1, problem.column ?? 1);
    // Tabs stay tabs, so that the mark stands below what it marks.
    const indent = source.slice(0, column - 1).replace(/[^\t]/g, " ");
    const mark = problem.length > 1 ? "~".repeat(Math.min(problem.length, Math.max(1, source.length - column + 1))) : "^";
    out += `  ${number} | ${source}\n  ${" ".repeat(number.length)} | ${indent}${mark}\n`;
  }
  for (const note of problem.notes ?? []) out += `  ${note}\n`;
  return out;
}

function sourceLine({ file, line }) {
  if (file === undefined || line === undefined) return undefined;
  try {
    return readFileSync(file, "utf8").split(/\r?\n/)[line - 1];
  } catch {
    return undefined;
  }
}

function show(file, cwd) {
  const short = relative(cwd, resolve(cwd, file));
  return short === "" || short.startsWith("..") ? file : short;
}
