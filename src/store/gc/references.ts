import type { Digest } from '../digest.js';
import type { Inventory, StoredRecord } from './inventory.js';

/** What a set of records keeps, counted so that records can be taken out one by one. */
export class References {
  readonly #inventory: Inventory;
  readonly #trees = new Map<Digest, number>();
  readonly #blobs = new Map<Digest, number>();
  #sizeBytes = 0;

  /** Trees and blobs used since `cutoffMs` stay, whether a record refers to them or not: they may be part of work under way. */
  constructor(inventory: Inventory, cutoffMs: number) {
    this.#inventory = inventory;
    for (const [digest, { lastUsedMs }] of inventory.trees) if (lastUsedMs >= cutoffMs) this.#addTree(digest);
    for (const [digest, { lastUsedMs }] of inventory.blobs) if (lastUsedMs >= cutoffMs) this.#addBlob(digest);
    for (const record of inventory.records) this.#add(record);
  }

  /** Bytes of the records, and of all that is kept because of them. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  isTreeKept(digest: Digest): boolean {
    return this.#trees.has(digest);
  }

  isBlobKept(digest: Digest): boolean {
    return this.#blobs.has(digest);
  }

  /** Takes a record out. Returns how many bytes nothing refers to any more. */
  remove({ sizeBytes, artifact, log }: StoredRecord): number {
    const before = this.#sizeBytes;
    this.#sizeBytes -= sizeBytes;
    if (artifact !== undefined) this.#removeTree(artifact);
    if (log !== undefined) this.#removeBlob(log);
    return before - this.#sizeBytes;
  }

  #add({ sizeBytes, artifact, log }: StoredRecord): void {
    this.#sizeBytes += sizeBytes;
    if (artifact !== undefined) this.#addTree(artifact);
    if (log !== undefined) this.#addBlob(log);
  }

  #addTree(digest: Digest): void {
    const tree = this.#inventory.trees.get(digest);
    if (tree === undefined || countUp(this.#trees, digest) > 1) return;
    this.#sizeBytes += tree.sizeBytes;
    for (const entry of tree.entries) this.#addBlob(entry.digest);
  }

  #removeTree(digest: Digest): void {
    const tree = this.#inventory.trees.get(digest);
    if (tree === undefined || countDown(this.#trees, digest) > 0) return;
    this.#sizeBytes -= tree.sizeBytes;
    for (const entry of tree.entries) this.#removeBlob(entry.digest);
  }

  #addBlob(digest: Digest): void {
    const blob = this.#inventory.blobs.get(digest);
    if (blob !== undefined && countUp(this.#blobs, digest) === 1) this.#sizeBytes += blob.sizeBytes;
  }

  #removeBlob(digest: Digest): void {
    const blob = this.#inventory.blobs.get(digest);
    if (blob !== undefined && countDown(this.#blobs, digest) === 0) this.#sizeBytes -= blob.sizeBytes;
  }
}

function countUp(counts: Map<Digest, number>, digest: Digest): number {
  const count = (counts.get(digest) ?? 0) + 1;
  counts.set(digest, count);
  return count;
}

function countDown(counts: Map<Digest, number>, digest: Digest): number {
  const count = (counts.get(digest) ?? 0) - 1;
  if (count > 0) counts.set(digest, count);
  else counts.delete(digest);
  return count;
}

/** Whether the tree of a record and all blobs of it are there. A record of which that is not true is of no use to anybody. */
export function isComplete({ artifact }: StoredRecord, { trees, blobs }: Inventory): boolean {
  const tree = artifact === undefined ? undefined : trees.get(artifact);
  return tree?.entries.every(({ digest }) => blobs.has(digest)) ?? false;
}
