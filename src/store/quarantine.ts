import { renameSync } from 'node:fs';
import { basename } from 'node:path';
import { systemErrorCode } from '../errors.js';
import { randomName } from './atomic.js';
import type { Layout } from './layout.js';
import { storageError, withParentDirectory } from './storage-error.js';

/** Moves a damaged file of the store out of the way, where it can be looked at. It counts as missing from then on. */
export function quarantine(layout: Layout, path: string): void {
  const target = `${layout.quarantine}/${basename(path)}.${randomName()}`;
  try {
    withParentDirectory(target, () => renameSync(path, target));
  } catch (error) {
    const takenByAnother = systemErrorCode(error) === 'ENOENT';
    if (!takenByAnother) throw storageError(error, layout.quarantine);
  }
}
