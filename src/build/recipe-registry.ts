import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '../json.js';
import { namesIn } from '../store/directory-files.js';
import type { Store } from '../store/store.js';
import { readLockFile } from './lock-file.js';

/** A recipe that was built with a store. */
export interface KnownRecipe {
  /** Absolute path. */
  readonly path: string;
  readonly exists: boolean;
  /** The file of the store that knows about it. */
  readonly historyFile: string;
  /** Keys of its stages, by stage: those of the last build and those of its lock file. */
  readonly keys: readonly { readonly stage: string; readonly key: string }[];
}

/** The recipes that were built with a store, wherever they are. */
export function knownRecipes(store: Store): KnownRecipe[] {
  return namesIn(store.layout.recipes).flatMap((name) => readKnownRecipe(join(store.layout.recipes, name)) ?? []);
}

function readKnownRecipe(historyFile: string): KnownRecipe | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(historyFile, 'utf8'));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || typeof value.recipe !== 'string') return undefined;
  const path = value.recipe;
  return {
    path,
    exists: existsSync(path),
    historyFile,
    keys: [...stageKeys(value.stages), ...lockedKeys(path)],
  };
}

function lockedKeys(path: string): { stage: string; key: string }[] {
  try {
    return stageKeys(readLockFile({ path })?.stages);
  } catch {
    // A damaged lock file is reported by the next build. Until then the last build says what is needed.
    return [];
  }
}

function stageKeys(stages: unknown): { stage: string; key: string }[] {
  return Object.entries(isJsonObject(stages) ? stages : {}).flatMap(([stage, entry]) =>
    isJsonObject(entry) && typeof entry.key === 'string' ? [{ stage, key: entry.key }] : [],
  );
}
