import { statSync } from 'node:fs';
import type { Digest } from '../digest.js';
import { parseDigest } from '../digest.js';
import { namesIn } from '../directory-files.js';
import type { Layout } from '../layout.js';
import { listRecords, readRecord } from '../records.js';
import type { TreeEntry } from '../tree.js';
import { readTree } from '../trees.js';

/** A record as gc sees it. */
export interface StoredRecord {
  readonly key: string;
  /** Size of the record itself. */
  readonly sizeBytes: number;
  readonly lastUsedMs: number;
  /** The tree it refers to. */
  readonly artifact: Digest | undefined;
  /** The blob of its log. */
  readonly log: Digest | undefined;
}

/** A blob or a tree that is there. */
export interface StoredObject {
  readonly sizeBytes: number;
  readonly lastUsedMs: number;
}

export interface StoredTree extends StoredObject {
  readonly entries: readonly TreeEntry[];
}

/** Everything that records, trees and blobs hold. */
export interface Inventory {
  readonly records: readonly StoredRecord[];
  readonly trees: ReadonlyMap<Digest, StoredTree>;
  readonly blobs: ReadonlyMap<Digest, StoredObject>;
}

/** Looks at every record, tree and blob, without reading blobs. Damaged records and trees are quarantined on the way. */
export function takeInventory(layout: Layout): Inventory {
  const records = listRecords(layout).flatMap((key) => storedRecord(layout, key) ?? []);
  const blobs = new Map(listObjects(layout.blobs));
  const trees = new Map<Digest, StoredTree>();
  for (const [digest, object] of listObjects(layout.trees)) {
    const tree = readTree(layout, digest);
    if (tree !== undefined) trees.set(digest, { ...object, entries: tree.entries });
  }
  return { records, trees, blobs };
}

function storedRecord(layout: Layout, key: string): StoredRecord | undefined {
  const stats = statSync(layout.action(key), { throwIfNoEntry: false });
  const record = stats === undefined ? undefined : readRecord(layout, key);
  if (stats === undefined || record === undefined) return undefined;
  const { artifact, log } = record;
  return {
    key,
    sizeBytes: stats.size,
    lastUsedMs: stats.mtimeMs,
    artifact: typeof artifact === 'string' ? parseDigest(artifact) : undefined,
    log: typeof log === 'string' ? parseDigest(log) : undefined,
  };
}

/** The blobs or trees in a directory of the store, by digest. Files with other names are passed over. */
export function* listObjects(directory: string): Generator<[Digest, StoredObject]> {
  for (const prefix of namesIn(`${directory}/sha256`)) {
    for (const hex of namesIn(`${directory}/sha256/${prefix}`)) {
      const digest = hex.startsWith(prefix) ? parseDigest(`sha256:${hex}`) : undefined;
      const stats = statSync(`${directory}/sha256/${prefix}/${hex}`, { throwIfNoEntry: false });
      if (digest === undefined || stats === undefined) continue;
      yield [digest, { sizeBytes: stats.size, lastUsedMs: stats.mtimeMs }];
    }
  }
}

/** Bytes of all records, trees and blobs. */
export function inventoryBytes({ records, trees, blobs }: Inventory): number {
  return [records, trees.values(), blobs.values()].reduce((sum, objects) => sum + totalBytes(objects), 0);
}

export function totalBytes(objects: Iterable<{ readonly sizeBytes: number }>): number {
  let sum = 0;
  for (const { sizeBytes } of objects) sum += sizeBytes;
  return sum;
}
