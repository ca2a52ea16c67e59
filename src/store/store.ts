import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import type { JsonObject } from '../json.js';
import { HashedAhead } from './ahead.js';
import type { BlobCondition, HashedFile } from './blobs.js';
import { hasBlob, hashForPublishing, publishBytes, publishFiles, readBlob, verifyBlob } from './blobs.js';
import type { Digest, FileContent } from './digest.js';
import { copyTree, exportIsCurrent } from './export-directory.js';
import { ensureFormat } from './format.js';
import { Layout } from './layout.js';
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
import { hasTree, publishTree, readTree, verifyTree } from './trees.js';
import { addUsage } from './usage.js';
import { Uses } from './uses.js';

export interface StoreOptions extends StatCacheOptions {
  /** Reads content again and compares it with its digest before it is used, inside the store and outside. */
  readonly verify?: boolean;
}

/**
 * A content-addressed store in a directory that any number of processes share. It knows files, digests and JSON, and
 * nothing of what they mean. A process that is killed leaves at worst something that a sweep removes, never a half result.
 */
export class Store {
  readonly layout: Layout;
  readonly locks: Locks;
  /** Whether content is read and compared with its digest before it is used. */
  readonly verifies: boolean;
  readonly #uses: Uses;
  readonly #statCache: StatCache;

  private constructor(layout: Layout, options: StoreOptions) {
    this.layout = layout;
    this.locks = new Locks(layout);
    this.verifies = options.verify === true;
    this.#uses = new Uses(layout, this.locks);
    this.#statCache = new StatCache(layout, options);
  }

  /**
   * Opens a store, made when missing and converted when older. A `QuernError` when the directory can't be written or is
   * something else.
   */
  static open(directory: string, options: StoreOptions = {}): Store {
    const layout = new Layout(resolve(directory));
    try {
      ensureFormat(layout);
      accessSync(layout.root, constants.W_OK);
    } catch (error) {
      throw storageError(error, layout.root);
    }
    return new Store(layout, options);
  }

  get root(): string {
    return this.layout.root;
  }

  /** Begins to rely on the store: what is claimed or published from now on, until the end, is not removed by gc. */
  beginUse(): { end(): void } {
    return this.#uses.begin();
  }

  /**
   * The record of a key with its artifact wholly in the store, both marked as used; `undefined` when there is none.
   * `parse` returns the record and its artifact, or `undefined` for a record of another form.
   */
  async claimRecord<R extends { readonly artifact: Digest }>(
    key: string,
    parse: (record: JsonObject) => R | undefined,
  ): Promise<R | undefined> {
    const record = await this.#uses.undisturbed(() => this.#claim(key, parse));
    if (record === undefined || !this.verifies) return record;
    return (await verifyTree(this.layout, record.artifact)) ? record : undefined;
  }

  #claim<R extends { readonly artifact: Digest }>(
    key: string,
    parse: (record: JsonObject) => R | undefined,
  ): R | undefined {
    const isThere = this.#uses.mark(this.layout.action(key));
    const value = isThere ? this.readRecord(key) : undefined;
    const record = value === undefined ? undefined : parse(value);
    if (record === undefined || !this.hasTree(record.artifact)) return undefined;
    return this.#uses.mark(this.layout.tree(record.artifact)) ? record : undefined;
  }

  /** Marks a tree as used, with its blobs. Returns whether it is there. */
  claimTree(digest: Digest): Promise<boolean> {
    return this.#uses.undisturbed(() => this.#uses.mark(this.layout.tree(digest)) && this.hasTree(digest));
  }

  /** Marks a directory under `views/` as used. Returns whether it is there. */
  claimView(directory: string): Promise<boolean> {
    return this.#uses.undisturbed(() => this.#uses.mark(directory));
  }

  /** Notes that a record was used, which keeps it from being removed before others. */
  markRecordUsed(key: string): void {
    this.#uses.mark(this.layout.action(key));
  }

  /** Stores a file of a sandbox, which is gone afterwards. */
  async publishFile(path: string): Promise<FileContent & { readonly newBytes: number }> {
    const file: HashedFile = await hashForPublishing(path);
    const newBytes = await publishFiles(this.layout, this.#uses, [file]);
    await addUsage(this.layout, this.locks, newBytes);
    return { digest: file.digest, sizeBytes: file.sizeBytes, newBytes };
  }

  /** Stores bytes that are in memory. */
  publishBytes(bytes: Uint8Array): Promise<Digest> {
    return publishBytes(this.layout, this.#uses, bytes);
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

  /**
   * Takes the files of a directory that will be published as they are finished, and hashes them meanwhile. `known` is what
   * `linkTree` returned for the inputs, merged.
   */
  hashAhead(known: ReadonlyMap<string, Digest> = new Map()): HashedAhead {
    return new HashedAhead(
      (identity) => known.has(identity),
      ({ digest, sizeBytes }) => this.hasBlob(digest, sizeBytes),
    );
  }

  /**
   * Stores the files of a directory of a sandbox. `known` is what `linkTree` returned for the inputs, merged; `ahead` has
   * hashed some of them.
   */
  async publishTree(
    directory: string,
    known: ReadonlyMap<string, Digest> = new Map(),
    ahead?: HashedAhead,
  ): Promise<PublishedTree> {
    const published = await publishTree(this.layout, this.#uses, directory, known, ahead);
    await addUsage(this.layout, this.locks, published.newBytes);
    return published;
  }

  /** The tree of this digest; `undefined` when it is missing or was damaged. */
  readTree(digest: Digest): Tree | undefined {
    return readTree(this.layout, digest);
  }

  /** Whether a tree and all its blobs are there, judged by sizes. */
  hasTree(digest: Digest): boolean {
    return hasTree(this.layout, digest);
  }

  /** Makes a tree appear in a directory, read-only. Returns the digest of each file by identity. */
  linkTree(digest: Digest, directory: string): ReadonlyMap<string, Digest> {
    return linkTree(this.layout, this.#uses, digest, directory);
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
