import type { Inventory, StoredRecord } from './inventory.js';
import { isComplete, References } from './references.js';

/** What may be removed, and how much is to be. */
export interface SelectionRules {
  /** Keys of records that stay, whatever their size and age. */
  readonly roots: ReadonlySet<string>;
  /** What was used since then stays. */
  readonly cutoffMs: number;
  /** Records that were not used since then go. */
  readonly oldestUseMs?: number;
  /** Records go, the one that was not used for the longest time first, until what is kept is no larger. */
  readonly targetBytes: number;
}

/** What a record is removed for. */
export type RemovalReason = 'incomplete' | 'age' | 'size';

export interface Removal {
  readonly record: StoredRecord;
  readonly reason: RemovalReason;
  /** Bytes that nothing refers to once this record, and those before it, are gone. */
  readonly freedBytes: number;
}

export interface Selection {
  /** In the order in which they go. */
  readonly removals: readonly Removal[];
  /** Bytes that are kept. More than the target when the rest may not be removed. */
  readonly keptBytes: number;
}

/** Chooses the records to remove. Trees and blobs go with the last record that refers to them. */
export function selectRemovals(inventory: Inventory, rules: SelectionRules): Selection {
  const references = new References(inventory, rules.cutoffMs);
  const removals: Removal[] = [];
  const byLastUse = inventory.records
    .filter(({ lastUsedMs }) => lastUsedMs < rules.cutoffMs)
    .sort((one, other) => one.lastUsedMs - other.lastUsedMs || (one.key < other.key ? -1 : 1));
  const remove = (record: StoredRecord, reason: RemovalReason): void => {
    removals.push({ record, reason, freedBytes: references.remove(record) });
  };
  const [incomplete, complete] = partition(byLastUse, (record) => !isComplete(record, inventory));
  for (const record of incomplete) remove(record, 'incomplete');
  for (const record of complete) {
    if (rules.roots.has(record.key)) continue;
    if (record.lastUsedMs < (rules.oldestUseMs ?? 0)) remove(record, 'age');
    else if (references.sizeBytes > rules.targetBytes) remove(record, 'size');
  }
  return { removals, keptBytes: references.sizeBytes };
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
