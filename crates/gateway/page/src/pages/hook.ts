// A hook in a line of words.

import type { Hook } from "../api/model.ts";

function words(value: unknown): string {
  return Array.isArray(value) ? value.map(words).join(", ") : value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function describe(hook: Hook): string {
  const parts: Record<string, () => unknown[]> = {
    database: () => [hook.timing, words(hook.action), "on", hook.source, hook.for_each && `for each ${words(hook.for_each)}`,
      hook.mode, hook.columns && `of ${words(hook.columns)}`, hook.when && `when ${words(hook.when)}`],
    schedule: () => [hook.cron, hook.timezone],
    http: () => [words(hook.methods), words(hook.paths ?? hook.path), hook.auth && `auth ${words(hook.auth)}`],
    webhook: () => [hook.path, (hook.verify as { scheme?: unknown } | undefined)?.scheme],
  };
  const { type, ...rest } = hook;
  return (parts[type]?.() ?? [words(rest)]).map(words).filter(Boolean).join(" ");
}
