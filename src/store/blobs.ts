import { chmodSync, constants, copyFileSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { randomName, writeStoreFile } from './atomic.js';
import type { Digest, FileContent } from './digest.js';
import { digestOfBytes, digestOfFile } from './digest.js';
import { syncFiles } from './durability.js';
import type { Layout } from './layout.js';
import { quarantine } from './quarantine.js';
import { storageError, withParentDirectory } from './storage-error.js';
import type { Uses } from './uses.js';

/** Permission bits of blobs: nobody writes to what is named by its content. */
export const blobMode = 0o444;

/** A file that is to become a blob, on the file system of the store. */
export interface HashedFile extends FileContent {
  readonly path: string;
}

export type BlobCondition = 'intact' | 'missing' | 'corrupt';

/** Whether a blob is there with this size. One of another size, or that is no file, is quarantined. */
export function hasBlob(layout: Layout, digest: Digest, sizeBytes: number): boolean {
  const path = layout.blob(digest);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (stats.isFile() && stats.size === sizeBytes) return true;
  quarantine(layout, path);
  return false;
}

/** Like `hasBlob`, and a blob that is there is marked as used. */
export function claimBlob(layout: Layout, uses: Uses, digest: Digest, sizeBytes: number): boolean {
  return hasBlob(layout, digest, sizeBytes) && uses.mark(layout.blob(digest));
}

/** Reads a whole blob and compares it with its name. A corrupt one is quarantined: from then on it is missing. */
export async function verifyBlob(layout: Layout, digest: Digest): Promise<BlobCondition> {
  const path = layout.blob(digest);
  try {
    const content = await digestOfFile(path);
    if (content.digest === digest) return 'intact';
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return 'missing';
    if (code !== 'EISDIR' && code !== 'EIO') throw error;
  }
  quarantine(layout, path);
  return 'corrupt';
}

/** The bytes of a small blob, compared with its name; `undefined` when it is missing or was corrupt. */
export function readBlob(layout: Layout, digest: Digest): Buffer | undefined {
  const path = layout.blob(digest);
  try {
    const bytes = readFileSync(path);
    if (digestOfBytes(bytes) === digest) return bytes;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  quarantine(layout, path);
  return undefined;
}

/** Stores bytes that are in memory. */
export async function publishBytes(layout: Layout, uses: Uses, bytes: Uint8Array): Promise<Digest> {
  const digest = digestOfBytes(bytes);
  const isKnown = await uses.undisturbed(() => claimBlob(layout, uses, digest, bytes.length));
  if (!isKnown) writeStoreFile(layout, layout.blob(digest), bytes, { mode: blobMode });
  return digest;
}

/**
 * Hashes a file that is to become a blob. One that has other names (hard links) is replaced by a copy first: through
 * one of them somebody could still write into the blob. `known` is its content, where that is known.
 */
export async function hashForPublishing(path: string, known?: FileContent): Promise<HashedFile> {
  const stats = statSync(path);
  if (stats.nlink === 1) return { path, ...(known ?? (await digestOfFile(path))) };
  const copy = `${path}.${randomName()}`;
  copyFileSync(path, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  rmSync(path);
  return { path: copy, ...(await digestOfFile(copy)) };
}

/**
 * Turns files into blobs; the files are gone afterwards. Returns how many bytes the store did not have before.
 * All are flushed to disk before the first one appears under its name. The new directory entries are not: an entry
 * that a power failure takes away is a missing blob, which is noticed, and a wrong one can't come about.
 */
export async function publishFiles(layout: Layout, uses: Uses, files: readonly HashedFile[]): Promise<number> {
  try {
    const newFiles = await uses.undisturbed(() => removeKnown(layout, uses, files));
    const usedSeconds = uses.usedMs() / 1000;
    for (const { path } of newFiles) {
      utimesSync(path, usedSeconds, usedSeconds);
      chmodSync(path, blobMode);
    }
    await syncFiles(newFiles.map(({ path }) => path));
    for (const { path, digest } of newFiles) {
      const blob = layout.blob(digest);
      withParentDirectory(blob, () => renameSync(path, blob));
    }
    return newFiles.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  } catch (error) {
    throw storageError(error, layout.root);
  }
}

/** Removes the files whose content the store has. Returns the others, one of each content. */
function removeKnown(layout: Layout, uses: Uses, files: readonly HashedFile[]): readonly HashedFile[] {
  const fresh = new Map<Digest, HashedFile>();
  for (const file of files) {
    const isKnown = fresh.has(file.digest) || claimBlob(layout, uses, file.digest, file.sizeBytes);
    if (isKnown) rmSync(file.path);
    else fresh.set(file.digest, file);
  }
  return [...fresh.values()];
}
