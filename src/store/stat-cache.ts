import type { BigIntStats } from 'node:fs';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { QuernError, systemErrorCode } from '../errors.js';
import { isJsonObject, sha256 } from '../json.js';
import { writeStoreFile } from './atomic.js';
import type { FileContent } from './digest.js';
import { digestOfFile, isDigest } from './digest.js';
import type { Layout } from './layout.js';

/** What identifies a state of a file without reading it. Integers of 64 bits, hence decimal digits. */
interface FileState {
  readonly sizeBytes: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  readonly ino: string;
  readonly dev: string;
}

interface StatEntry extends FileContent {
  readonly state: FileState;
  /** The file, which gc looks for: an entry of a file that is gone is of no use. */
  readonly path: string;
}

export interface StatCacheOptions {
  readonly now?: () => number;
  readonly hash?: (path: string) => Promise<FileContent>;
  /** Reads every file, whatever is remembered about it. */
  readonly verify?: boolean;
}

/** Time stamps of file systems are this coarse at worst. */
const racyMs = 2000;
const attempts = 3;

/**
 * Digests of files outside the store, which are read again only when their size, times or inode say that they changed.
 * A file that changed within 2 s before it was read could change once more without showing it: what was read is then
 * not remembered. The time of that change is the ctime, which no program can set.
 */
export class StatCache {
  readonly #layout: Layout;
  readonly #now: () => number;
  readonly #hash: (path: string) => Promise<FileContent>;
  readonly #trusts: boolean;

  constructor(layout: Layout, options: StatCacheOptions = {}) {
    this.#layout = layout;
    this.#now = options.now ?? Date.now;
    this.#hash = options.hash ?? digestOfFile;
    this.#trusts = options.verify !== true;
  }

  /** Digest and size of a regular file. A `QuernError` of code `input` when it can't be read or keeps changing. */
  async digestOfSource(path: string): Promise<FileContent> {
    try {
      const realPath = realpathSync(path);
      const entryPath = this.#layout.statEntry(sha256(realPath));
      const state = stateOf(realPath);
      const entry = this.#trusts ? readEntry(entryPath) : undefined;
      if (entry !== undefined && sameState(entry.state, state))
        return { digest: entry.digest, sizeBytes: entry.sizeBytes };
      return await this.#read(realPath, entryPath);
    } catch (error) {
      throw inputError(error, path);
    }
  }

  async #read(path: string, entryPath: string): Promise<FileContent> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const startedMs = this.#now();
      const before = stateOf(path);
      const content = await this.#hash(path);
      if (!sameState(before, stateOf(path))) continue;
      const isRacy = startedMs - Number(BigInt(before.ctimeNs) / 1_000_000n) < racyMs;
      if (!isRacy) this.#remember(entryPath, { ...content, state: before, path });
      return content;
    }
    throw new QuernError('input', `${path} changes while it is read`, {
      suggestion: 'wait until the program that writes it has finished',
    });
  }

  /** Not flushed to disk: a lost entry costs one more reading of the file. */
  #remember(entryPath: string, entry: StatEntry): void {
    writeStoreFile(this.#layout, entryPath, `${JSON.stringify(entry)}\n`, { durable: false });
  }
}

function stateOf(path: string): FileState {
  const stats: BigIntStats = statSync(path, { bigint: true });
  if (!stats.isFile()) {
    throw new QuernError('input', `${path} is ${stats.isDirectory() ? 'a directory' : 'not a regular file'}`, {
      suggestion: 'name a file',
    });
  }
  return {
    sizeBytes: String(stats.size),
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
    ino: String(stats.ino),
    dev: String(stats.dev),
  };
}

function sameState(one: FileState, other: FileState): boolean {
  return (
    one.sizeBytes === other.sizeBytes &&
    one.mtimeNs === other.mtimeNs &&
    one.ctimeNs === other.ctimeNs &&
    one.ino === other.ino &&
    one.dev === other.dev
  );
}

function readEntry(entryPath: string): StatEntry | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(entryPath, 'utf8'));
    return isStatEntry(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isStatEntry(value: unknown): value is StatEntry {
  if (!isJsonObject(value) || !isDigest(value.digest) || !isJsonObject(value.state)) return false;
  const { sizeBytes, mtimeNs, ctimeNs, ino, dev } = value.state;
  const texts = [sizeBytes, mtimeNs, ctimeNs, ino, dev];
  return texts.every((text) => typeof text === 'string') && String(value.sizeBytes) === sizeBytes;
}

const readProblems: { readonly [systemCode: string]: string | undefined } = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: "can't be read: permission denied",
  EPERM: "can't be read: permission denied",
  ELOOP: "can't be read: its symbolic links form a circle",
  EIO: "can't be read: input/output error",
};

function inputError(error: unknown, path: string): unknown {
  const problem = readProblems[systemErrorCode(error) ?? ''];
  return problem === undefined ? error : new QuernError('input', `${path} ${problem}`, { cause: error });
}
