// The functions and their statistics, which several pages show.

import { listAll, list } from "../api/lists.ts";
import type { DeployedFunction, Stats } from "../api/model.ts";
import { useResource, type Resource } from "./resource.ts";

/** The most that the server tells at once. */
const MOST_STATS = 10_000;

export function useFunctions(): Resource<DeployedFunction[]> {
  return useResource("functions", ["functions"], (signal) => listAll<DeployedFunction>("functions", (item) => item.name, signal));
}

/** null: there is none that the role may see. */
export function useFunctionOf(name: string): Resource<DeployedFunction | null> {
  return useResource(`functions ${name}`, ["functions"], async (signal) =>
    (await list<DeployedFunction>("functions", { function: name }, signal)).find((item) => item.name === name) ?? null);
}

/** Of the functions that were called most. */
export function useStats(): Resource<Stats[]> {
  return useResource("stats", ["stats"], (signal) => list<Stats>("stats", { limit: MOST_STATS }, signal));
}

/** null: it has never been called. */
export function useStatsOf(name: string): Resource<Stats | null> {
  return useResource(`stats ${name}`, ["stats"], async (signal) =>
    (await list<Stats>("stats", { function: name }, signal)).find((item) => item.function === name) ?? null);
}
