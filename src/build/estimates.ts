import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { Store } from '../store/store.js';
import { readHistory } from './history.js';
import { parseRecord } from './record.js';

/** What a stage is expected to take, from its last result whatever that was made of. */
export interface Estimate {
  readonly durationMs: number;
  readonly peakRssBytes: number;
  /** Size of the artifact. */
  readonly sizeBytes: number;
  /** How many parts it had, by what they are called. */
  readonly parts?: { readonly [unit: string]: number };
}

/** The last results of the stages of a recipe on this machine. A stage that has none is missing. */
export function readEstimates(
  store: Store,
  recipe: Recipe,
  stages: readonly ResolvedStage[],
): ReadonlyMap<string, Estimate> {
  const history = readHistory(store, recipe);
  const estimates = new Map<string, Estimate>();
  for (const { name } of stages) {
    const key = history.get(name)?.key;
    const value = key === undefined ? undefined : store.readRecord(key);
    const record = value === undefined ? undefined : parseRecord(value);
    if (record !== undefined) estimates.set(name, record);
  }
  return estimates;
}
