// Fields that filter a list. Their values stand in the address, so that a filtered list can be linked to.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { route, setFilter } from "../state/route.ts";

const TYPING_MS = 300;

export function filterOf(name: string): string {
  return route.value.query.get(name) ?? "";
}

export function SelectFilter({ name, label, options }: { name: string; label: string; options: string[] }) {
  const value = filterOf(name);
  const all = value !== "" && !options.includes(value) ? [...options, value] : options;
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => setFilter(name, event.currentTarget.value)} data-testid={`filter-${name}`}>
        <option value="">any</option>
        {all.map((option) => <option key={option} value={option}>{option}</option>)}
      </select>
    </label>
  );
}

/** Text that is looked up once nobody types any more; with `suggestions`, those that contain it are offered. */
export function TextFilter({ name, label, suggestions = [] }: { name: string; label: string; suggestions?: string[] }) {
  const value = filterOf(name);
  const typed = useSignal(value);
  const timer = useRef(0);
  useEffect(() => {
    typed.value = value;
    return () => clearTimeout(timer.current);
  }, [value]);

  function type(text: string) {
    typed.value = text;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setFilter(name, text.trim()), suggestions.includes(text) ? 0 : TYPING_MS);
  }

  const offered = suggestions.filter((suggestion) => suggestion.includes(typed.value)).slice(0, 50);
  return (
    <label class="field grow">
      <span>{label}</span>
      <input type="search" value={typed.value} list={`${name}-suggestions`} data-search autocomplete="off" spellcheck={false}
        onInput={(event) => type(event.currentTarget.value)} data-testid={`filter-${name}`} />
      <datalist id={`${name}-suggestions`}>{offered.map((suggestion) => <option key={suggestion} value={suggestion} />)}</datalist>
    </label>
  );
}
