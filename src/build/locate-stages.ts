import type { Diagnostic } from '../errors.js';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { LocateOptions } from './locate.js';
import { locateSources, remoteRequests } from './locate.js';
import type { LockFile } from './lock-file.js';
import { lockedOrigin, readLockFile } from './lock-file.js';

/** How sources that are elsewhere are dealt with. */
export interface RemoteOptions extends LocateOptions {
  /** Nothing is asked of the network. */
  readonly offline?: boolean | undefined;
  /** Whether what is not here is downloaded. Without it, how much that is finds its way into the plan. */
  readonly download?: boolean;
  /** A lock file to keep to: its commits are used. */
  readonly locked?: LockFile | undefined;
}

/**
 * Finds the `hf:` and `url:` sources of stages, with the settings that the environment has for the hub. Stages have to go
 * through this before they are planned or built. What can't be had is a problem of the recipe.
 */
export async function locateStages(
  recipe: Recipe,
  stages: readonly ResolvedStage[],
  options: RemoteOptions,
): Promise<{ readonly stages: readonly ResolvedStage[]; readonly problems: readonly Diagnostic[] }> {
  if (stages.every((stage) => remoteRequests(stage).length === 0)) return { stages, problems: [] };
  // What reaches the network is loaded by those builds alone that need it.
  const [{ openRemoteSources }, { hubSettings }] = await Promise.all([
    import('../hub/hub-sources.js'),
    import('../hub/settings.js'),
  ]);
  const settings = hubSettings(process.env, { offline: options.offline === true });
  // Without a network the commit of a branch is not known, other than as it was when the lock file was written.
  const kept = options.locked ?? (settings.offline ? readLockFile(recipe) : undefined);
  const pins = new Map(
    Object.entries(kept?.sources ?? {}).flatMap(([name, entry]) => {
      const origin = lockedOrigin(entry);
      return origin === undefined ? [] : [[name, origin] as const];
    }),
  );
  const sources = openRemoteSources(settings, { download: options.download === true, pins });
  return locateSources(stages, sources, options);
}
