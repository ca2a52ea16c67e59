import { rmSync, statfsSync } from 'node:fs';
import type { CacheBounds } from '../config.js';
import type { Collection } from '../store/gc/collect.js';
import { collect, gcLockName } from '../store/gc/collect.js';
import type { Bounds } from '../store/gc/limits.js';
import { defaultMaxSizeBytes } from '../store/gc/limits.js';
import type { Lock, LockHolder } from '../store/locks.js';
import type { Store } from '../store/store.js';
import { readUsage } from '../store/usage.js';
import { pinnedKeys, storeRoots } from './roots.js';

export interface GarbageOptions extends Bounds {
  readonly dryRun?: boolean;
  /** Keeps only what is pinned or in use, besides what the bounds leave. */
  readonly pinsOnly?: boolean;
  /** Called when another gc has to be waited for. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
}

/** Removes from the store what its bounds ask for and no recipe, pin or late run needs. */
export async function collectGarbage(store: Store, options: GarbageOptions): Promise<Collection> {
  const waiting = options.onWait === undefined ? {} : { onWait: options.onWait };
  const lock = await store.locks.acquire(gcLockName, 'exclusive', { purpose: 'gc', ...waiting });
  return collectLocked(store, lock, options);
}

async function collectLocked(store: Store, lock: Lock, options: GarbageOptions): Promise<Collection> {
  try {
    const roots = storeRoots(store, Date.now());
    const keys = options.pinsOnly === true ? pinnedKeys(store) : roots.keys;
    const collection = await collect(store.layout, store.locks, { ...options, roots: keys });
    if (options.dryRun !== true) for (const { historyFile } of roots.forgotten) rmSync(historyFile, { force: true });
    return collection;
  } finally {
    lock.release();
  }
}

const dayMs = 86_400_000;
/** The store is looked through once in a while even when it is small: that is when its size is counted anew. */
const longestPauseMs = 7 * dayMs;
/** After a gc that could not keep the bounds, the next one waits until the store has grown by so much. */
const growthForAnother = 1.05;
/** So much more than needed is removed, so that gc does not run after every build. */
const headroom = 0.1;

/**
 * Runs gc when a build has made the store larger than it should be. Looks at the size that is kept beside the store,
 * not at the store. Returns `undefined` when there was nothing to do, or another process is at it.
 */
export async function collectAfterBuild(store: Store, bounds: CacheBounds): Promise<Collection | undefined> {
  if (!bounds.automatic || !isDue(store, bounds)) return undefined;
  const lock = store.locks.tryAcquire(gcLockName, 'exclusive', 'gc');
  return lock === undefined ? undefined : collectLocked(store, lock, { ...bounds, headroom });
}

function isDue(store: Store, { maxSizeBytes, maxAgeMs, minFreeBytes = 0 }: CacheBounds): boolean {
  const usage = readUsage(store.layout);
  if (usage === undefined) return true;
  const sinceMs = Date.now() - usage.countedAtMs;
  if (sinceMs > longestPauseMs || (maxAgeMs !== undefined && sinceMs > dayMs)) return true;
  const disk = statfsSync(store.root);
  const isTooLarge = usage.sizeBytes > (maxSizeBytes ?? defaultMaxSizeBytes(disk));
  const isDiskFull = disk.bavail * disk.bsize < minFreeBytes;
  return (isTooLarge || isDiskFull) && usage.sizeBytes > usage.leftBytes * growthForAnother;
}
