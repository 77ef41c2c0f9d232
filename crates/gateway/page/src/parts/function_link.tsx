// The name of a function, leading to its page. A long one is cut, and whole in its title.

import { href } from "../state/route.ts";

export function FunctionLink({ name, testid }: { name: string; testid?: string }) {
  return <a class="name" href={href(["functions", name])} title={name} data-testid={testid}>{name}</a>;
}
