import { resolve } from 'node:path';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { Digest } from '../store/digest.js';
import type { Store } from '../store/store.js';

/**
 * Brings the copy of an artifact outside the store up to date, if the stage has one.
 * Returns the directory when something was written.
 */
export async function publishDestination(
  store: Store,
  recipe: Recipe,
  stage: ResolvedStage,
  artifact: Digest,
): Promise<string | undefined> {
  const relative = stage.kind.destination?.(stage.parameters);
  if (relative === undefined) return undefined;
  const destination = resolve(recipe.directory, relative);
  if (store.exportIsCurrent(destination, artifact)) return undefined;
  await store.copyTree(artifact, destination);
  return destination;
}
