// The list of keys, shown by `?`.

import { signal } from "@preact/signals";
import { PLACES } from "../state/keyboard.ts";
import { Dialog } from "./dialog.tsx";

export const isKeysOpen = signal(false);

export function KeysDialog() {
  if (!isKeysOpen.value) return null;
  const close = () => (isKeysOpen.value = false);
  return (
    <Dialog title="Keys" close={close} testid="keys-dialog">
      <dl class="keys">
        {Object.entries(PLACES).map(([key, { title }]) => (
          <div key={key}><dt><kbd>g</kbd> <kbd>{key}</kbd></dt><dd>{title}</dd></div>
        ))}
        <div><dt><kbd>/</kbd></dt><dd>Search</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>Close, or leave a field</dd></div>
        <div><dt><kbd>?</kbd></dt><dd>These keys</dd></div>
      </dl>
      <div class="buttons"><button type="button" onClick={close} data-testid="keys-close">Close</button></div>
    </Dialog>
  );
}
