import type { ResolvedStage } from '../recipe/load.js';
import type { Digest } from '../store/digest.js';
import type { Store } from '../store/store.js';
import { destinationOf } from './destinations.js';
import type { PlanOptions } from './plan.js';
import { concreteAction, findRecord, isForced } from './plan.js';
import type { ActionRecord } from './record.js';

/**
 * The record of every stage (in topological order) when a build has nothing to do, and `undefined` otherwise. Nothing in
 * the store is relied on then, so such a build takes no locks.
 */
export async function recordsIfUpToDate(
  store: Store,
  stages: readonly ResolvedStage[],
  options: PlanOptions,
): Promise<ReadonlyMap<string, ActionRecord> | undefined> {
  if (store.verifies) return undefined;
  const records = new Map<string, ActionRecord>();
  try {
    for (const stage of stages) {
      const record = await recordIfUpToDate(store, stage, records, options);
      if (record === undefined) return undefined;
      records.set(stage.name, record);
    }
  } catch {
    // The build meets the same problem, and reports it with its stage.
    return undefined;
  }
  for (const { key } of records.values()) store.markRecordUsed(key);
  return records;
}

async function recordIfUpToDate(
  store: Store,
  stage: ResolvedStage,
  records: ReadonlyMap<string, ActionRecord>,
  options: PlanOptions,
): Promise<ActionRecord | undefined> {
  if (isForced(stage.name, options)) return undefined;
  const artifactOf = (producer: string): Digest => {
    const record = records.get(producer);
    if (record === undefined) throw new Error(`stage ${producer} is not built before ${stage.name}`);
    return record.artifact;
  };
  const { key } = await concreteAction(store, stage, artifactOf, options.epoch ?? 0);
  const record = findRecord(store, key);
  const destination = destinationOf(stage);
  const isCurrent =
    record !== undefined && (destination === undefined || store.exportIsCurrent(destination, record.artifact));
  return isCurrent ? record : undefined;
}
