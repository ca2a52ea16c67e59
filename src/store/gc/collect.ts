import { statfsSync } from 'node:fs';
import type { Layout } from '../layout.js';
import type { Locks } from '../locks.js';
import { sweepSandboxes } from '../sandbox.js';
import { beginSession, oldestSessionMs } from '../session.js';
import { readUsage, writeUsage } from '../usage.js';
import type { Inventory } from './inventory.js';
import { inventoryBytes, takeInventory } from './inventory.js';
import { removeLeftovers } from './leftovers.js';
import type { Bounds } from './limits.js';
import { targetBytes } from './limits.js';
import { networkGraceMs } from './network.js';
import { References } from './references.js';
import { removeUnused } from './remove-unused.js';
import type { Removal } from './select.js';
import { selectRemovals } from './select.js';

export const gcLockName = 'gc';

export interface CollectOptions extends Bounds {
  /** Keys of records that are kept whatever the bounds say. */
  readonly roots: ReadonlySet<string>;
  /** Only says what would be removed. */
  readonly dryRun?: boolean;
}

export interface Collection {
  /** Bytes of records, trees and blobs before and after. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  readonly removals: readonly Removal[];
  /** Trees and blobs that were removed, also those that no record referred to before. */
  readonly removedTrees: number;
  readonly removedBlobs: number;
  /** Old runs, views, quarantined files and other things that are no results. */
  readonly leftovers: number;
  /** The size that was aimed at. `afterBytes` is larger when what is left is rooted or in use. */
  readonly targetBytes: number;
}

/**
 * Removes records, and then the trees and blobs that no record refers to, until the bounds are kept. A crash at any
 * instant leaves things that the next gc removes. The caller holds the lock `gc`.
 *
 * Nothing is removed that was used since `cutoffMs`, the start of the oldest session, this one included: whoever begins
 * later marks what he uses with a later time, and whoever began earlier and ends meanwhile has an earlier start.
 */
export async function collect(layout: Layout, locks: Locks, options: CollectOptions): Promise<Collection> {
  await sweepSandboxes(layout);
  const session = beginSession(layout);
  try {
    const cutoffMs = (oldestSessionMs(layout) ?? session.startedMs) - networkGraceMs(layout.root);
    const inventory = takeInventory(layout);
    const beforeBytes = inventoryBytes(inventory);
    const target = targetBytes(options, beforeBytes, statfsSync(layout.root));
    const oldestUse = options.maxAgeMs === undefined ? {} : { oldestUseMs: session.startedMs - options.maxAgeMs };
    const selection = selectRemovals(inventory, {
      roots: options.roots,
      cutoffMs,
      targetBytes: target,
      ...oldestUse,
    });
    const plan = { layout, locks, inventory, removals: selection.removals, cutoffMs, beforeBytes };
    const outcome = options.dryRun ? dryRun(plan, selection.keptBytes) : await carryOut(plan);
    return { beforeBytes, targetBytes: target, ...outcome };
  } finally {
    session.end();
  }
}

interface CollectionPlan {
  readonly layout: Layout;
  readonly locks: Locks;
  readonly inventory: Inventory;
  readonly removals: readonly Removal[];
  readonly cutoffMs: number;
  readonly beforeBytes: number;
}

type Outcome = Omit<Collection, 'beforeBytes' | 'targetBytes'>;

function dryRun({ inventory, removals, cutoffMs }: CollectionPlan, afterBytes: number): Outcome {
  const garbage = unreferenced(inventory, removals, cutoffMs);
  const counts = { removedTrees: garbage.trees.length, removedBlobs: garbage.blobs.length };
  return { afterBytes, removals, ...counts, leftovers: 0 };
}

async function carryOut(plan: CollectionPlan): Promise<Outcome> {
  const { layout, locks, inventory, cutoffMs, beforeBytes } = plan;
  const sizeAtStart = readUsage(layout)?.sizeBytes;
  const pathOf = ({ record }: Removal): string => layout.action(record.key);
  const removedRecords = await removeUnused(locks, plan.removals.map(pathOf), cutoffMs);
  const removals = plan.removals.filter((removal) => removedRecords.has(pathOf(removal)));
  const garbage = unreferenced(inventory, removals, cutoffMs);
  const trees = await removeUnused(
    locks,
    garbage.trees.map(({ path }) => path(layout)),
    cutoffMs,
  );
  const blobs = await removeUnused(
    locks,
    garbage.blobs.map(({ path }) => path(layout)),
    cutoffMs,
  );
  const gone = [...garbage.trees, ...garbage.blobs].filter(
    ({ path }) => trees.has(path(layout)) || blobs.has(path(layout)),
  );
  const freedBytes = [...removals.map(({ record }) => record), ...gone].reduce(
    (sum, { sizeBytes }) => sum + sizeBytes,
    0,
  );
  const afterBytes = beforeBytes - freedBytes;
  const addedMeanwhile = Math.max(0, (readUsage(layout)?.sizeBytes ?? 0) - (sizeAtStart ?? 0));
  writeUsage(layout, { sizeBytes: afterBytes + addedMeanwhile, leftBytes: afterBytes, countedAtMs: Date.now() });
  const leftovers = await removeLeftovers(layout, locks);
  return { afterBytes, removals, removedTrees: trees.size, removedBlobs: blobs.size, leftovers };
}

interface GarbageObject {
  readonly sizeBytes: number;
  path(layout: Layout): string;
}

/** The trees and blobs that nothing refers to once the records are gone. */
function unreferenced(
  inventory: Inventory,
  removals: readonly Removal[],
  cutoffMs: number,
): { readonly trees: readonly GarbageObject[]; readonly blobs: readonly GarbageObject[] } {
  const references = new References(inventory, cutoffMs);
  for (const { record } of removals) references.remove(record);
  const trees = [...inventory.trees].filter(([digest]) => !references.isTreeKept(digest));
  const blobs = [...inventory.blobs].filter(([digest]) => !references.isBlobKept(digest));
  return {
    trees: trees.map(([digest, { sizeBytes }]) => ({ sizeBytes, path: (layout) => layout.tree(digest) })),
    blobs: blobs.map(([digest, { sizeBytes }]) => ({ sizeBytes, path: (layout) => layout.blob(digest) })),
  };
}
