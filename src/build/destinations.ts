import { resolve } from 'node:path';
import type { ResolvedStage } from '../recipe/load.js';
import type { Digest } from '../store/digest.js';
import type { Store } from '../store/store.js';

/**
 * Brings the copy of an artifact outside the store up to date, if the stage has one.
 * Returns the directory when something was written.
 */
export async function publishDestination(
  store: Store,
  stage: ResolvedStage,
  artifact: Digest,
): Promise<string | undefined> {
  const destination = destinationOf(stage);
  if (destination === undefined || store.exportIsCurrent(destination, artifact)) return undefined;
  await store.copyTree(artifact, destination);
  return destination;
}

/** The directory outside the store that gets a copy of the artifact of a stage, if there is one. */
export function destinationOf(stage: ResolvedStage): string | undefined {
  const request = stage.kind.destination?.(stage.parameters);
  return request === undefined ? undefined : resolve(stage.baseDirectory(request.pointer), request.path);
}
