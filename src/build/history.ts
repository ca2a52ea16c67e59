import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../json.js';
import { isJsonObject, sha256 } from '../json.js';
import type { Recipe } from '../recipe/load.js';
import { writeFileAtomically } from '../store/atomic.js';
import type { Store } from '../store/store.js';

/** The key a stage had in the last build of its recipe on this machine, and the one it had before that changed. */
export interface StageHistory {
  readonly key: string;
  readonly previousKey?: string;
}

export type RecipeHistory = ReadonlyMap<string, StageHistory>;

/** What the last builds of a recipe left behind for `why`. Losing it loses explanations only. */
export function readHistory(store: Store, recipe: Recipe): RecipeHistory {
  const history = new Map<string, StageHistory>();
  for (const [stage, entry] of Object.entries(readStages(historyPath(store, recipe)))) {
    if (!isJsonObject(entry) || typeof entry.key !== 'string') continue;
    const previousKey = entry.previousKey;
    history.set(stage, { key: entry.key, ...(typeof previousKey === 'string' ? { previousKey } : {}) });
  }
  return history;
}

/** Notes the keys of a build. Stages that were not part of it keep what was noted before. */
export function writeHistory(store: Store, recipe: Recipe, keys: ReadonlyMap<string, string>): void {
  const before = readHistory(store, recipe);
  const after = new Map(before);
  for (const [stage, key] of keys) {
    const known = before.get(stage);
    if (known?.key !== key) after.set(stage, { key, ...(known === undefined ? {} : { previousKey: known.key }) });
  }
  const stages = Object.fromEntries(after) as unknown as JsonObject;
  const text = JSON.stringify({ recipe: recipe.path, stages });
  if (text === JSON.stringify({ recipe: recipe.path, stages: Object.fromEntries(before) })) return;
  writeFileAtomically(historyPath(store, recipe), text);
}

function historyPath(store: Store, recipe: Recipe): string {
  return join(store.layout.recipes, `${sha256(recipe.path)}.json`);
}

function readStages(path: string): JsonObject {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isJsonObject(value) && isJsonObject(value.stages) ? value.stages : {};
  } catch {
    return {};
  }
}
