import type { Inventory, StoredRecord } from '../store/gc/inventory.js';
import { takeInventory, totalBytes } from '../store/gc/inventory.js';
import { listPins } from '../store/pins.js';
import type { Store } from '../store/store.js';
import { parsePartRecord } from './part.js';
import { knownRecipes } from './recipe-registry.js';
import { parseRecord } from './record.js';

/** A result in the store, or what there is of one that is not finished. */
export interface StoredResult {
  readonly kind: string;
  readonly key: string;
  /** Bytes of the artifact, the log, the record and the parts, each once, whoever else shares them. */
  readonly sizeBytes: number;
  /** How many parts were made for it that are still there. */
  readonly parts: number;
  /** `null` when only parts of it are there. */
  readonly finishedAt: string | null;
  readonly lastUsedAt: string;
  /** The recipes whose last build or lock file needs it. */
  readonly usedBy: readonly { readonly recipe: string; readonly stage: string }[];
  readonly pinned: boolean;
}

/** All results, the one used last first. Parts stand with the result that they were made for. */
export function listResults(store: Store): StoredResult[] {
  const inventory = takeInventory(store.layout);
  const sizes = objectSizes(inventory);
  const users = usersByKey(store);
  const pinned = new Set(listPins(store.layout).map(({ key }) => key));
  return describeRecords(store, inventory)
    .map(({ key, kind, finishedAt, records, parts }) => ({
      kind,
      key,
      sizeBytes: totalBytes(records) + sumOf(sizes, new Set(records.flatMap((record) => objectsOf(record, inventory)))),
      parts,
      finishedAt,
      lastUsedAt: new Date(Math.max(...records.map(({ lastUsedMs }) => lastUsedMs))).toISOString(),
      usedBy: users.get(key) ?? [],
      pinned: pinned.has(key),
    }))
    .sort((one, other) => Date.parse(other.lastUsedAt) - Date.parse(one.lastUsedAt));
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

/** The records that belong to one action: its own, if it is finished, and those of its parts. */
interface RecordsOfAction {
  readonly key: string;
  kind: string;
  finishedAt: string | null;
  readonly records: StoredRecord[];
  parts: number;
}

function describeRecords(store: Store, { records }: Inventory): RecordsOfAction[] {
  const actions = new Map<string, RecordsOfAction>();
  const actionOf = (key: string, kind: string): RecordsOfAction => {
    const known = actions.get(key) ?? { key, kind, finishedAt: null, records: [], parts: 0 };
    actions.set(key, known);
    return known;
  };
  for (const stored of records) {
    const value = store.readRecord(stored.key);
    const part = value === undefined ? undefined : parsePartRecord(value);
    const action = part === undefined ? actionOf(stored.key, 'unknown') : actionOf(part.madeFor, part.part.kind);
    action.records.push(stored);
    const record = value === undefined || part !== undefined ? undefined : parseRecord(value);
    if (part !== undefined) action.parts++;
    if (record === undefined) continue;
    action.kind = record.action.kind;
    action.finishedAt = record.finishedAt;
  }
  return [...actions.values()];
}

/** What the results of one kind take. */
export interface KindUsage {
  readonly kind: string;
  /** Finished ones. */
  readonly results: number;
  /** Bytes of artifacts, logs, records and parts, each once. */
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
  const kindsThere = new Map<string, { results: number; readonly records: StoredRecord[] }>();
  for (const { kind, finishedAt, records } of describeRecords(store, inventory)) {
    const known = kindsThere.get(kind) ?? { results: 0, records: [] };
    kindsThere.set(kind, known);
    known.records.push(...records);
    if (finishedAt !== null || kind === 'unknown') known.results++;
  }
  const objectsOfKind = new Map(
    [...kindsThere].map(([kind, { records }]) => [kind, new Set(records.flatMap((one) => objectsOf(one, inventory)))]),
  );
  const timesUsed = new Map<string, number>();
  for (const objects of objectsOfKind.values())
    for (const object of objects) timesUsed.set(object, (timesUsed.get(object) ?? 0) + 1);
  const kinds = [...kindsThere].map(([kind, { results, records }]): KindUsage => {
    const objects = [...(objectsOfKind.get(kind) ?? [])];
    const shared = objects.filter((object) => (timesUsed.get(object) ?? 0) > 1);
    const sizeBytes = totalBytes(records) + sumOf(sizes, objects);
    return { kind, results, sizeBytes, sharedBytes: sumOf(sizes, shared) };
  });
  return {
    kinds: kinds.sort((one, other) => other.sizeBytes - one.sizeBytes),
    unreferencedBytes: sumOf(
      sizes,
      [...sizes.keys()].filter((object) => !timesUsed.has(object)),
    ),
    totalBytes: totalBytes(inventory.records) + sumOf(sizes, sizes.keys()),
  };
}

function sumOf(sizes: ReadonlyMap<string, number>, objects: Iterable<string>): number {
  return [...objects].reduce((bytes, object) => bytes + (sizes.get(object) ?? 0), 0);
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
