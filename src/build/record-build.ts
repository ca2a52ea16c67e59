import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { Store } from '../store/store.js';
import type { BuildResult } from './build.js';
import { writeHistory } from './history.js';
import type { LockFile } from './lock-file.js';
import { lockDifferences, lockedSource, lockFileOf, readLockFile, writeLockFile } from './lock-file.js';

/**
 * Notes the keys of a build of `stages` for `why`, and brings the lock file up to date or, with a lock file to keep to (`locked`),
 * compares with it. Returns the differences as lines for people.
 */
export function recordBuild(
  store: Store,
  recipe: Recipe,
  stages: readonly ResolvedStage[],
  result: BuildResult,
  locked?: LockFile,
): readonly string[] {
  const keys = new Map([...result.records].map(([stage, record]) => [stage, record.key as string]));
  writeHistory(store, recipe, keys);
  const found = lockFileOf(recipe, result.records, (name) => {
    const stage = stages.find((one) => one.name === name);
    const digests = Object.entries(result.records.get(name)?.action.sources ?? {});
    return Object.fromEntries(digests.map(([pointer, digest]) => [pointer, lockedSource(stage, pointer, digest)]));
  });
  if (locked !== undefined) return lockDifferences(locked, found);
  writeLockFile(recipe, mergeLocks(recipe, readLockFile(recipe), found));
  return [];
}

/** Stages that were not part of the build keep their entries, as long as the recipe has them. */
function mergeLocks(recipe: Recipe, before: LockFile | undefined, found: LockFile): LockFile {
  if (before === undefined) return found;
  const kept = recipe.stages.map(({ name }) => name).filter((name) => !(name in found.stages));
  const keptStages = kept.flatMap((name) => {
    const entry = before.stages[name];
    return entry === undefined ? [] : [[name, entry] as const];
  });
  const keptSources = Object.entries(before.sources).filter(([source]) =>
    kept.some((name) => source.startsWith(`${name}.`)),
  );
  return {
    stages: { ...Object.fromEntries(keptStages), ...found.stages },
    sources: { ...Object.fromEntries(keptSources), ...found.sources },
  };
}
