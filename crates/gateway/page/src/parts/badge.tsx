// A short word on a coloured ground. The word alone says all; the colour only helps.

import type { ComponentChildren } from "preact";

export type Tone = "good" | "bad" | "warn" | "plain" | "accent";

const TONES: Record<string, Tone> = {
  ok: "good", error: "bad", trap: "bad", timeout: "bad", limit: "bad", canceled: "warn",
  ready: "plain", running: "accent", scheduled: "plain", retrying: "warn",
  warn: "warn", info: "plain", debug: "plain", trace: "plain",
};

export function Badge({ tone = "plain", title, testid, children }: { tone?: Tone; title?: string; testid?: string; children: ComponentChildren }) {
  return <span class={`badge ${tone}`} title={title} data-testid={testid}>{children}</span>;
}

/** The status of an invocation or job, or the level of a log line. */
export function Status({ of, title }: { of: string; title?: string }) {
  return <Badge tone={TONES[of] ?? "plain"} title={title}>{of}</Badge>;
}
