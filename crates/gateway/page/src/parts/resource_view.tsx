// Shows a resource in whatever state it is: nothing yet, an error, data, or data with an error of reading it again.

import type { ComponentChildren } from "preact";
import type { Resource } from "../state/resource.ts";
import { Failure } from "./failure.tsx";

export function Loading({ what }: { what: string }) {
  return <p class="loading" role="status" data-testid="loading">Loading {what}…</p>;
}

export function Empty({ children, testid = "empty" }: { children: ComponentChildren; testid?: string }) {
  return <div class="empty" data-testid={testid}>{children}</div>;
}

export function ResourceView<T>({ of, what, children }: { of: Resource<T>; what: string; children: (data: T) => ComponentChildren }) {
  const data = of.data.value;
  const error = of.error.value;
  return (
    <>
      {error && <Failure error={error} retry={() => of.reload()} />}
      {data !== undefined ? children(data) : !error && <Loading what={what} />}
    </>
  );
}
