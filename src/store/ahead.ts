import { lstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileContent } from './digest.js';
import { digestOfFile } from './digest.js';
import { identityOf } from './directory-files.js';

/**
 * Files that are hashed, and brought to the disk, while the work that writes their directory goes on. What is known of a
 * file is kept by its identity: one that is changed afterwards is read again when the directory is published. A file that
 * can't be read is left to that as well, which says what is wrong.
 */
export class HashedAhead {
  readonly #isKnown: (identity: string) => boolean;
  readonly #isStored: (content: FileContent) => boolean;
  readonly #contents = new Map<string, FileContent>();
  readonly #flushes = new Set<Promise<void>>();
  #hashing: Promise<void> = Promise.resolve();
  #isStopped = false;

  /**
   * `isKnown` tells files whose content is known without them, as that of inputs is; `isStored` what the store has already,
   * which is not brought to the disk again.
   */
  constructor(isKnown: (identity: string) => boolean, isStored: (content: FileContent) => boolean) {
    this.#isKnown = isKnown;
    this.#isStored = isStored;
  }

  /** A file that is complete. */
  add(path: string): void {
    this.#hashing = this.#hashing.then(() => this.#hash(path));
  }

  /** The content of the file with this identity and size, if it was hashed. */
  contentOf(identity: string, sizeBytes: number): FileContent | undefined {
    const content = this.#contents.get(identity);
    return content?.sizeBytes === sizeBytes ? content : undefined;
  }

  /** Ends when all files are hashed. They may be on their way to the disk still. */
  hashed(): Promise<void> {
    return this.#hashing;
  }

  /** Ends soon, with no file open. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#hashing;
    await Promise.all(this.#flushes);
  }

  async #hash(path: string): Promise<void> {
    if (this.#isStopped) return;
    try {
      const before = identityOf(lstatSync(path, { bigint: true }));
      if (this.#contents.has(before) || this.#isKnown(before)) return;
      const content = await digestOfFile(path);
      if (identityOf(lstatSync(path, { bigint: true })) !== before) return;
      this.#contents.set(before, content);
      if (!this.#isStored(content)) this.#flush(path);
    } catch {
      // Left to publishing.
    }
  }

  #flush(path: string): void {
    const flush = flushFile(path).finally(() => this.#flushes.delete(flush));
    this.#flushes.add(flush);
  }
}

/** Publishing flushes every file again, which takes no time when this has worked. */
async function flushFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch {
    // Left to publishing.
  }
}
