import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from './durability.js';
import type { Layout } from './layout.js';
import { openLocked } from './locked-file.js';
import { storageError, withParentDirectory } from './storage-error.js';

export interface WriteOptions {
  /** Whether the file must survive a power failure. It is never half written either way. */
  readonly durable?: boolean;
  /** Permission bits, when other than the usual ones. */
  readonly mode?: number;
}

export function randomName(): string {
  return randomBytes(9).toString('hex');
}

/** Replaces a file, or creates it, in one step: a reader sees the old text or the new one. */
export function writeFileAtomically(path: string, data: string | Uint8Array, options: WriteOptions = {}): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomName()}.tmp`);
  try {
    const descriptor = withParentDirectory(temporary, () => openSync(temporary, 'wx'));
    writeAndRename(descriptor, temporary, path, data, options);
  } catch (error) {
    throw storageError(error, dirname(path));
  }
}

/**
 * Like `writeFileAtomically`, for files of a store. The unfinished file is under `tmp/` and locked by its writer, so
 * that a sweep can tell what a dead process left from what a living one is writing.
 */
export function writeStoreFile(
  layout: Layout,
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): void {
  try {
    const { descriptor, temporary } = createLockedTemporary(layout);
    writeAndRename(descriptor, temporary, path, data, options);
  } catch (error) {
    throw storageError(error, layout.root);
  }
}

function createLockedTemporary(layout: Layout): { descriptor: number; temporary: string } {
  for (;;) {
    const temporary = `${layout.tmp}/file-${randomName()}`;
    const descriptor = openLocked(temporary, 'exclusive');
    if (descriptor !== undefined) return { descriptor, temporary };
  }
}

function writeAndRename(
  descriptor: number,
  temporary: string,
  path: string,
  data: string | Uint8Array,
  { durable = true, mode }: WriteOptions,
): void {
  try {
    writeFileSync(descriptor, data);
    if (durable) fsyncSync(descriptor);
    withParentDirectory(path, () => renameSync(temporary, path));
    // Not before: a sweep has to open what is unfinished for writing.
    if (mode !== undefined) fchmodSync(descriptor, mode);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  if (durable) syncDirectory(dirname(path));
}
