// JSON, a manifest or an error text: scrolls in its own box, is cut when it is long, and can be copied.

import { useSignal } from "@preact/signals";
import { json } from "./format.ts";

const SHOWN_CHARACTERS = 20_000;

export function TextBlock({ text, label, testid }: { text: string; label: string; testid?: string }) {
  const isWhole = useSignal(false);
  const copied = useSignal("");
  const shown = isWhole.value ? text : text.slice(0, SHOWN_CHARACTERS);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = "copied";
    } catch {
      copied.value = "the browser does not allow it";
    }
    setTimeout(() => (copied.value = ""), 3000);
  }

  return (
    <div class="block">
      <div class="block-head">
        <span class="block-label">{label}</span>
        <span role="status" class="dim">{copied}</span>
        <button type="button" class="small" onClick={copy} aria-label={`copy ${label}`}>Copy</button>
      </div>
      <pre tabIndex={0} role="region" aria-label={label} data-testid={testid}>{shown}</pre>
      {shown.length < text.length && (
        <button type="button" class="small" onClick={() => (isWhole.value = true)}>
          Show all {text.length.toLocaleString("en")} characters
        </button>
      )}
    </div>
  );
}

export function JsonBlock({ value, label, testid }: { value: unknown; label: string; testid?: string }) {
  return <TextBlock text={json(value)} label={label} testid={testid} />;
}
