import { accessSync, constants, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { QuernError, systemErrorCode } from '../errors.js';
import type { JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import { writeStoreFile } from './atomic.js';
import type { BlobCondition, HashedFile } from './blobs.js';
import { hasBlob, hashForPublishing, publishBytes, publishFiles, readBlob, verifyBlob } from './blobs.js';
import type { Digest, FileContent } from './digest.js';
import { copyTree, exportIsCurrent } from './export-directory.js';
import { Layout, storeFormat } from './layout.js';
import { Locks } from './locks.js';
import { linkTree } from './materialise.js';
import { listRecords, readRecord, removeRecord, writeRecord } from './records.js';
import type { Sandbox } from './sandbox.js';
import { createSandbox, sweepSandboxes } from './sandbox.js';
import type { StatCacheOptions } from './stat-cache.js';
import { StatCache } from './stat-cache.js';
import { storageError } from './storage-error.js';
import type { Tree } from './tree.js';
import type { PublishedTree } from './trees.js';
import { hasTree, publishTree, readTree } from './trees.js';

/**
 * A content-addressed store in a directory that any number of processes share. It knows files, digests and JSON, and
 * nothing of what they mean. A process that is killed leaves at worst something that a sweep removes, never a half result.
 */
export class Store {
  readonly layout: Layout;
  readonly locks: Locks;
  readonly #statCache: StatCache;

  private constructor(layout: Layout, options: StatCacheOptions) {
    this.layout = layout;
    this.locks = new Locks(layout);
    this.#statCache = new StatCache(layout, options);
  }

  /** Opens a store, made when missing. A `QuernError` when the directory can't be written or is something else. */
  static open(directory: string, options: StatCacheOptions = {}): Store {
    const layout = new Layout(resolve(directory));
    try {
      if (!hasFormat(layout)) createStore(layout);
      accessSync(layout.root, constants.W_OK);
    } catch (error) {
      throw storageError(error, layout.root);
    }
    return new Store(layout, options);
  }

  get root(): string {
    return this.layout.root;
  }

  /** Stores a file of a sandbox, which is gone afterwards. */
  async publishFile(path: string): Promise<FileContent & { readonly newBytes: number }> {
    const file: HashedFile = await hashForPublishing(path);
    const newBytes = await publishFiles(this.layout, [file]);
    return { digest: file.digest, sizeBytes: file.sizeBytes, newBytes };
  }

  /** Stores bytes that are in memory. */
  publishBytes(bytes: Uint8Array): Digest {
    return publishBytes(this.layout, bytes);
  }

  /** Where a blob is. Its presence and size are for `hasBlob` to tell. */
  blobPath(digest: Digest): string {
    return this.layout.blob(digest);
  }

  /** Whether a blob is there with this size. One of another size is quarantined. */
  hasBlob(digest: Digest, sizeBytes: number): boolean {
    return hasBlob(this.layout, digest, sizeBytes);
  }

  /** The bytes of a small blob, compared with its name; `undefined` when it is missing or was corrupt. */
  readBlob(digest: Digest): Buffer | undefined {
    return readBlob(this.layout, digest);
  }

  /** Reads a whole blob and compares it with its name. A corrupt one is quarantined: from then on it is missing. */
  verifyBlob(digest: Digest): Promise<BlobCondition> {
    return verifyBlob(this.layout, digest);
  }

  /** Stores the files of a directory of a sandbox. `known` is what `linkTree` returned for the inputs, merged. */
  publishTree(directory: string, known: ReadonlyMap<string, Digest> = new Map()): Promise<PublishedTree> {
    return publishTree(this.layout, directory, known);
  }

  /** The tree of this digest; `undefined` when it is missing or was damaged. */
  readTree(digest: Digest): Tree | undefined {
    return readTree(this.layout, digest);
  }

  /** Whether a tree and all its blobs are there, judged by sizes. */
  hasTree(digest: Digest): boolean {
    return hasTree(this.layout, digest);
  }

  /** Makes a tree appear in a directory, read-only. Returns the digest of each file by inode. */
  linkTree(digest: Digest, directory: string): ReadonlyMap<string, Digest> {
    return linkTree(this.layout, digest, directory);
  }

  /** Puts a copy of a tree at a place outside the store, replacing an earlier export. */
  copyTree(digest: Digest, destination: string): Promise<void> {
    return copyTree(this.layout, this.locks, digest, destination);
  }

  /** Whether a directory is an export of this tree in which nothing changed since. */
  exportIsCurrent(destination: string, digest: Digest): boolean {
    return exportIsCurrent(destination, digest);
  }

  /** The record of a key; `undefined` when there is none or it was damaged. */
  readRecord(key: string): JsonObject | undefined {
    return readRecord(this.layout, key);
  }

  /** Writes or replaces a record. Everything it refers to must be stored before. */
  writeRecord(record: JsonObject & { readonly format: number; readonly key: string }): void {
    writeRecord(this.layout, record);
  }

  /** Keys of all records, sorted. */
  listRecords(): string[] {
    return listRecords(this.layout);
  }

  removeRecord(key: string): void {
    removeRecord(this.layout, key);
  }

  /** Digest and size of a file outside the store. It is not read again as long as it does not change. */
  digestOfSource(path: string): Promise<FileContent> {
    return this.#statCache.digestOfSource(path);
  }

  /** Creates a directory for work in progress. It belongs to this process and dies with it. */
  createSandbox(): Sandbox {
    return createSandbox(this.layout);
  }

  /** Removes what dead processes left under `tmp/`. Returns how many things that were. */
  sweepSandboxes(): Promise<number> {
    return sweepSandboxes(this.layout);
  }
}

/** Whether the directory is a store already. Throws when it is one of another format. */
function hasFormat(layout: Layout): boolean {
  let format: unknown;
  try {
    const value: unknown = JSON.parse(readFileSync(layout.format, 'utf8'));
    format = isJsonObject(value) ? value.format : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (format === storeFormat) return true;
  const found = typeof format === 'number' ? `has format ${format}` : 'has an unreadable format.json';
  throw new QuernError('cache', `the cache ${layout.root} ${found}; this version of quern uses format ${storeFormat}`, {
    suggestion: 'choose another directory with --cache, or delete this one',
  });
}

/** What may be in a directory that becomes a store, besides hidden files and what an interrupted creation left. */
const harmlessNames = new Set(['README.md', 'lost+found']);

function createStore(layout: Layout): void {
  mkdirSync(layout.root, { recursive: true });
  const ownNames = new Set([layout.format, ...layout.directories()].map((path) => basename(path)));
  for (const name of readdirSync(layout.root)) {
    if (name.startsWith('.') || harmlessNames.has(name) || ownNames.has(name)) continue;
    throw new QuernError('cache', `${layout.root} is not a cache of quern: it holds ${name}`, {
      suggestion: 'choose an empty or new directory with --cache',
    });
  }
  for (const directory of layout.directories()) mkdirSync(directory, { recursive: true });
  writeStoreFile(layout, layout.format, `${JSON.stringify({ format: storeFormat })}\n`);
}
