// Goes further into the past of a timeline, where there is more.

import type { Timeline } from "../state/timeline.ts";
import { ActionButton } from "./button.tsx";
import { Failure } from "./failure.tsx";

export function OlderButton<T>({ of }: { of: Timeline<T> }) {
  if (of.isWhole) return <p class="more dim" data-testid="no-older">Nothing older is recorded.</p>;
  return (
    <>
      {of.olderError && <Failure error={of.olderError} />}
      <p class="more"><ActionButton action={of.loadOlder} testid="load-older">{of.isLoadingOlder ? "Loading…" : "Load older"}</ActionButton></p>
    </>
  );
}
