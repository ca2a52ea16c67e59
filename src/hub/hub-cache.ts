import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { systemErrorCode } from '../errors.js';
import type { HubReference } from './reference.js';
import { isCommit } from './reference.js';
import type { RepositoryFile, RepositoryListing } from './repository-files.js';
import { listingText, parseListing } from './repository-files.js';

/**
 * One repository in the cache that programs of Hugging Face share: `blobs/` by hash, `refs/` with the commit of each
 * branch, `snapshots/<commit>/` with links to blobs. The listings of commits in `.quern/` are an addition of ours.
 */
export class CachedRepository {
  readonly #directory: string;
  readonly #locks: string;

  constructor(cacheDirectory: string, { type, repository }: Pick<HubReference, 'type' | 'repository'>) {
    const name = [`${type}s`, ...repository.split('/')].join('--');
    this.#directory = join(cacheDirectory, name);
    this.#locks = join(cacheDirectory, '.locks', name);
  }

  /** The commit a branch or tag had when it was last looked at. */
  commitOf(revision: string): string | undefined {
    if (isCommit(revision)) return revision;
    const text = readText(join(this.#directory, 'refs', revision))?.trim();
    return text !== undefined && isCommit(text) ? text : undefined;
  }

  writeCommitOf(revision: string, commit: string): void {
    if (revision !== commit) writeText(join(this.#directory, 'refs', revision), commit);
  }

  /** What the repository holds at a commit, if that was asked for before. */
  listing(commit: string): RepositoryListing | undefined {
    const text = readText(this.#listingPath(commit));
    const listing = text === undefined ? undefined : parseListing(text);
    return listing?.commit === commit ? listing : undefined;
  }

  writeListing(listing: RepositoryListing): void {
    writeText(this.#listingPath(listing.commit), listingText(listing));
  }

  /** Paths of all files that are here of a commit, whoever brought them. */
  filesHere(commit: string): string[] {
    const snapshot = join(this.#directory, 'snapshots', commit);
    try {
      const names = readdirSync(snapshot, { recursive: true, encoding: 'utf8' });
      return names.filter((name) => statSync(join(snapshot, name), { throwIfNoEntry: false })?.isFile());
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  snapshotPath(commit: string, path: string): string {
    return join(this.#directory, 'snapshots', commit, path);
  }

  blobPath({ hash }: RepositoryFile): string {
    return join(this.#directory, 'blobs', hash.hex);
  }

  lockPath({ hash }: RepositoryFile): string {
    return join(this.#locks, `${hash.hex}.lock`);
  }

  /** Whether a file of a commit is here and can be opened. */
  has(commit: string, { path, sizeBytes }: RepositoryFile): boolean {
    return hasFile(this.snapshotPath(commit, path), sizeBytes);
  }

  hasBlob(file: RepositoryFile): boolean {
    return hasFile(this.blobPath(file), file.sizeBytes);
  }

  /** Makes a blob appear in the snapshot of a commit. */
  link(commit: string, file: RepositoryFile): void {
    const path = this.snapshotPath(commit, file.path);
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.quern.${process.pid}`;
    symlinkSync(relative(dirname(path), this.blobPath(file)), temporary);
    renameSync(temporary, path);
  }

  #listingPath(commit: string): string {
    return join(this.#directory, '.quern', `${commit}.json`);
  }
}

function hasFile(path: string, sizeBytes: number): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.size === sizeBytes;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}

function writeText(path: string, text: string): void {
  if (readText(path) === text) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
