import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../store/directory-files.js';
import { listPins } from '../store/pins.js';
import type { Store } from '../store/store.js';
import type { KnownRecipe } from './recipe-registry.js';
import { knownRecipes } from './recipe-registry.js';
import { runKeysFile } from './run-log.js';

/** A recipe that is gone may be on a disk that is not there now, or on another branch. */
const goneRecipeGraceMs = 7 * 86_400_000;
const rootedRuns = 10;

export interface Roots {
  /** Keys of records that gc keeps whatever their size and age. */
  readonly keys: ReadonlySet<string>;
  /** Recipes that are gone for so long that nothing is kept for them. */
  readonly forgotten: readonly KnownRecipe[];
}

/** What gc keeps: pins, the last runs, and the last build and the lock file of each recipe. */
export function storeRoots(store: Store, nowMs: number): Roots {
  const recipes = knownRecipes(store);
  const forgotten = recipes.filter((recipe) => !recipe.exists && isUnused(store, recipe, nowMs - goneRecipeGraceMs));
  const kept = recipes.filter((recipe) => !forgotten.includes(recipe));
  const keys = new Set([
    ...kept.flatMap((recipe) => recipe.keys.map(({ key }) => key)),
    ...listPins(store.layout).map(({ key }) => key),
    ...lastRuns(store).flatMap((run) => readRunKeys(join(store.layout.runs, run))),
  ]);
  return { keys, forgotten };
}

/** Only pins: what is kept when nothing else counts. */
export function pinnedKeys(store: Store): ReadonlySet<string> {
  return new Set(listPins(store.layout).map(({ key }) => key));
}

function isUnused(store: Store, recipe: KnownRecipe, sinceMs: number): boolean {
  const files = [recipe.historyFile, ...recipe.keys.map(({ key }) => store.layout.action(key))];
  return files.every((file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < sinceMs);
}

function lastRuns(store: Store): string[] {
  return namesIn(store.layout.runs).sort().slice(-rootedRuns);
}

function readRunKeys(directory: string): string[] {
  try {
    return readFileSync(join(directory, runKeysFile), 'utf8').split('\n').filter(Boolean);
  } catch {
    // A run that was killed at its beginning, or one that gc has just removed.
    return [];
  }
}
