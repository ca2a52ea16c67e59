import { readFileSync, statSync } from 'node:fs';
import { QuernError, systemErrorCode } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { Digest } from './digest.js';
import { digestOfBytes, digestOfFile, hexOf, isDigest } from './digest.js';
import { listObjects } from './gc/inventory.js';
import type { Layout } from './layout.js';
import { quarantine } from './quarantine.js';
import { listRecords } from './records.js';
import type { Tree } from './tree.js';
import { parseTree } from './tree.js';

/** Something in the store that is not what it should be. */
export interface Damage {
  readonly what: 'blob' | 'tree' | 'record';
  /** Digest in hexadecimal digits, or key. */
  readonly name: string;
  readonly problem: string;
}

export interface Verification {
  readonly records: number;
  readonly trees: number;
  readonly blobs: number;
  readonly readBytes: number;
  readonly damages: readonly Damage[];
}

export interface VerifyOptions {
  /** Moves what is damaged to the quarantine. The next build that needs it makes it anew. */
  readonly repair: boolean;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** Reads the whole store: compares blobs and trees with their digests, and looks whether records have what they refer to. */
export async function verifyStore(layout: Layout, options: VerifyOptions): Promise<Verification> {
  return new StoreVerifier(layout, options).run();
}

class StoreVerifier {
  readonly #layout: Layout;
  readonly #options: VerifyOptions;
  readonly #damages: Damage[] = [];
  readonly #corruptBlobs = new Set<Digest>();
  readonly #trees = new Map<Digest, Tree>();

  constructor(layout: Layout, options: VerifyOptions) {
    this.#layout = layout;
    this.#options = options;
  }

  async run(): Promise<Verification> {
    const blobs = [...listObjects(this.#layout.blobs)];
    const totalBytes = blobs.reduce((sum, [, { sizeBytes }]) => sum + sizeBytes, 0);
    let readBytes = 0;
    for (const [digest, { sizeBytes }] of blobs) {
      this.#options.onProgress(readBytes, totalBytes);
      await this.#verifyBlob(digest);
      readBytes += sizeBytes;
    }
    const trees = [...listObjects(this.#layout.trees)];
    for (const [digest] of trees) this.#verifyTree(digest);
    const records = listRecords(this.#layout);
    for (const key of records) this.#verifyRecord(key);
    const counts = { records: records.length, trees: trees.length, blobs: blobs.length };
    return { ...counts, readBytes, damages: this.#damages };
  }

  async #verifyBlob(digest: Digest): Promise<void> {
    const path = this.#layout.blob(digest);
    const problem = await blobProblem(path, digest);
    if (problem === undefined) return;
    this.#corruptBlobs.add(digest);
    this.#report({ what: 'blob', name: hexOf(digest), problem }, path);
  }

  #verifyTree(digest: Digest): void {
    const path = this.#layout.tree(digest);
    try {
      const bytes = readFileSync(path);
      if (digestOfBytes(bytes) !== digest) throw new QuernError('cache', 'its content is not what its name says');
      this.#trees.set(digest, parseTree(bytes.toString()));
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return;
      this.#report({ what: 'tree', name: hexOf(digest), problem: messageOf(error) }, path);
    }
  }

  #verifyRecord(key: string): void {
    const path = this.#layout.action(key);
    try {
      const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
      const problem = this.#recordProblem(record, key);
      if (problem !== undefined) this.#report({ what: 'record', name: key, problem }, path);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return;
      this.#report({ what: 'record', name: key, problem: messageOf(error) }, path);
    }
  }

  #recordProblem(record: unknown, key: string): string | undefined {
    if (!isJsonObject(record) || record.key !== key || typeof record.format !== 'number') return 'it is no record';
    const { artifact, log } = record;
    if (!isDigest(artifact)) return 'it names no artifact';
    const tree = this.#trees.get(artifact) ?? this.#treeWrittenMeanwhile(artifact);
    if (tree === undefined) return `its artifact ${artifact} is missing or damaged`;
    const missing = tree.entries.find((entry) => !this.#hasIntactBlob(entry.digest, entry.sizeBytes));
    if (missing !== undefined) return `the content of ${missing.path} in its artifact is missing or damaged`;
    return isDigest(log) && !this.#hasIntactBlob(log) ? 'its log is missing or damaged' : undefined;
  }

  #treeWrittenMeanwhile(digest: Digest): Tree | undefined {
    const isThere = statSync(this.#layout.tree(digest), { throwIfNoEntry: false }) !== undefined;
    const isReported = this.#damages.some(({ what, name }) => what === 'tree' && name === hexOf(digest));
    if (isThere && !isReported) this.#verifyTree(digest);
    return this.#trees.get(digest);
  }

  #hasIntactBlob(digest: Digest, sizeBytes?: number): boolean {
    if (this.#corruptBlobs.has(digest)) return false;
    const stats = statSync(this.#layout.blob(digest), { throwIfNoEntry: false });
    return stats !== undefined && (sizeBytes === undefined || stats.size === sizeBytes);
  }

  #report(damage: Damage, path: string): void {
    this.#damages.push(damage);
    if (this.#options.repair) quarantine(this.#layout, path);
  }
}

async function blobProblem(path: string, digest: Digest): Promise<string | undefined> {
  try {
    const content = await digestOfFile(path);
    return content.digest === digest ? undefined : 'its content is not what its name says';
  } catch (error) {
    return systemErrorCode(error) === 'ENOENT' ? undefined : messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
