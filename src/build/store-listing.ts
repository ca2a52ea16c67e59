import { isJsonObject } from '../json.js';
import type { Inventory, StoredRecord } from '../store/gc/inventory.js';
import { takeInventory, totalBytes } from '../store/gc/inventory.js';
import { referredBytes } from '../store/gc/references.js';
import { listPins } from '../store/pins.js';
import type { Store } from '../store/store.js';
import { knownRecipes } from './recipe-registry.js';
import { parseRecord } from './record.js';

/** A result in the store. */
export interface StoredResult {
  readonly kind: string;
  readonly key: string;
  /** Bytes of the artifact, the log and the record, whoever else shares them. */
  readonly sizeBytes: number;
  readonly finishedAt: string | null;
  readonly lastUsedAt: string;
  /** The recipes whose last build or lock file needs it. */
  readonly usedBy: readonly { readonly recipe: string; readonly stage: string }[];
  readonly pinned: boolean;
}

/** All results, the one used last first. */
export function listResults(store: Store): StoredResult[] {
  const inventory = takeInventory(store.layout);
  const users = usersByKey(store);
  const pinned = new Set(listPins(store.layout).map(({ key }) => key));
  return [...inventory.records]
    .sort((one, other) => other.lastUsedMs - one.lastUsedMs)
    .map((stored) => {
      const { kind, finishedAt } = describeRecord(store, stored.key);
      return {
        kind,
        key: stored.key,
        sizeBytes: stored.sizeBytes + referredBytes(stored, inventory),
        finishedAt,
        lastUsedAt: new Date(stored.lastUsedMs).toISOString(),
        usedBy: users.get(stored.key) ?? [],
        pinned: pinned.has(stored.key),
      };
    });
}

function usersByKey(store: Store): ReadonlyMap<string, StoredResult['usedBy']> {
  const users = new Map<string, { recipe: string; stage: string }[]>();
  for (const { path, keys } of knownRecipes(store)) {
    for (const { stage, key } of keys) {
      const known = users.get(key) ?? [];
      if (!known.some((user) => user.recipe === path && user.stage === stage)) known.push({ recipe: path, stage });
      users.set(key, known);
    }
  }
  return users;
}

function describeRecord(store: Store, key: string): { readonly kind: string; readonly finishedAt: string | null } {
  const value = store.readRecord(key);
  const record = value === undefined ? undefined : parseRecord(value);
  if (record === undefined || !isJsonObject(record.action)) return { kind: 'unknown', finishedAt: null };
  return { kind: record.action.kind, finishedAt: record.finishedAt };
}

/** What the results of one kind take. */
export interface KindUsage {
  readonly kind: string;
  readonly results: number;
  /** Bytes of artifacts, logs and records, each once. */
  readonly sizeBytes: number;
  /** The part that results of other kinds refer to as well. */
  readonly sharedBytes: number;
}

export interface StoreUsage {
  readonly kinds: readonly KindUsage[];
  /** Trees and blobs that no record refers to. The next gc removes them. */
  readonly unreferencedBytes: number;
  /** All records, trees and blobs, each once. */
  readonly totalBytes: number;
}

/** What is stored, by kind. Bytes that several results share count once. */
export function storeUsage(store: Store): StoreUsage {
  const inventory = takeInventory(store.layout);
  const sizes = objectSizes(inventory);
  const objectsOfKind = new Map<string, Set<string>>();
  const recordsOfKind = new Map<string, StoredRecord[]>();
  for (const record of inventory.records) {
    const { kind } = describeRecord(store, record.key);
    recordsOfKind.set(kind, [...(recordsOfKind.get(kind) ?? []), record]);
    const objects = objectsOfKind.get(kind) ?? new Set();
    for (const object of objectsOf(record, inventory)) objects.add(object);
    objectsOfKind.set(kind, objects);
  }
  const timesUsed = new Map<string, number>();
  for (const objects of objectsOfKind.values())
    for (const object of objects) timesUsed.set(object, (timesUsed.get(object) ?? 0) + 1);
  const sum = (objects: Iterable<string>): number =>
    [...objects].reduce((bytes, object) => bytes + (sizes.get(object) ?? 0), 0);
  const kinds = [...recordsOfKind].map(([kind, records]): KindUsage => {
    const objects = [...(objectsOfKind.get(kind) ?? [])];
    const sharedBytes = sum(objects.filter((object) => (timesUsed.get(object) ?? 0) > 1));
    return { kind, results: records.length, sizeBytes: totalBytes(records) + sum(objects), sharedBytes };
  });
  return {
    kinds: kinds.sort((one, other) => other.sizeBytes - one.sizeBytes),
    unreferencedBytes: sum([...sizes.keys()].filter((object) => !timesUsed.has(object))),
    totalBytes: totalBytes(inventory.records) + sum(sizes.keys()),
  };
}

/** Sizes of trees and blobs. A tree and a blob never have the same name: the prefix tells them apart. */
function objectSizes({ trees, blobs }: Inventory): ReadonlyMap<string, number> {
  return new Map([
    ...[...trees].map(([digest, { sizeBytes }]) => [`tree ${digest}`, sizeBytes] as const),
    ...[...blobs].map(([digest, { sizeBytes }]) => [`blob ${digest}`, sizeBytes] as const),
  ]);
}

function objectsOf({ artifact, log }: StoredRecord, { trees }: Inventory): string[] {
  const entries = artifact === undefined ? [] : (trees.get(artifact)?.entries ?? []);
  return [
    ...(artifact === undefined ? [] : [`tree ${artifact}`]),
    ...entries.map(({ digest }) => `blob ${digest}`),
    ...(log === undefined ? [] : [`blob ${log}`]),
  ];
}
