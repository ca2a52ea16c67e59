import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { systemErrorCode } from '../errors.js';
import { forEachConcurrently } from './concurrent.js';

/** Makes files survive a power failure. Together they cost little more than one: the file system joins the flushes. */
export function syncFiles(paths: readonly string[]): Promise<void> {
  return forEachConcurrently(paths, async (path) => {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Makes the names in a directory survive a power failure, on file systems that can promise it. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EINVAL' && code !== 'ENOSYS' && code !== 'ENOTSUP') throw error;
  } finally {
    closeSync(descriptor);
  }
}
