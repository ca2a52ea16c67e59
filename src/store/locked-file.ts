import { closeSync, constants, fstatSync, openSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { QuernError, systemErrorCode } from '../errors.js';
import { tryLockDescriptor } from './native.js';
import { withParentDirectory } from './storage-error.js';

export type LockMode = 'shared' | 'exclusive';

const unsupported = new Set(['ENOLCK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * Opens a file, created when missing, and locks it. Returns the descriptor, which is the lock, or `undefined` when
 * somebody else holds the file.
 */
export function openLocked(path: string, mode: LockMode): number | undefined {
  for (;;) {
    const descriptor = withParentDirectory(path, () => openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666));
    const outcome = lockOrClose(descriptor, path, mode);
    if (outcome === 'locked') return descriptor;
    if (outcome === 'busy') return undefined;
  }
}

/**
 * A holder may unlink the file between the open and the lock: a lock on a file without a name protects nothing, and
 * the file has to be opened anew.
 */
function lockOrClose(descriptor: number, path: string, mode: LockMode): 'locked' | 'busy' | 'nameless' {
  let outcome: 'locked' | 'busy' | 'nameless' | undefined;
  try {
    if (!tryLockDescriptor(descriptor, mode)) outcome = 'busy';
    else outcome = isNamed(descriptor, path) ? 'locked' : 'nameless';
    return outcome;
  } catch (error) {
    if (!unsupported.has(systemErrorCode(error) ?? '')) throw error;
    throw new QuernError('cache', `the file system of ${dirname(path)} has no file locks`, {
      suggestion: 'put the cache on another file system with --cache',
      cause: error,
    });
  } finally {
    if (outcome !== 'locked') closeSync(descriptor);
  }
}

function isNamed(descriptor: number, path: string): boolean {
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  const opened = fstatSync(descriptor, { bigint: true });
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
}

/** Takes over the lock of a dead owner. `undefined` when it is alive, or another user whose files are not ours to remove. */
export function openAbandoned(path: string): number | undefined {
  try {
    return openLocked(path, 'exclusive');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}

/**
 * Removes a file that is locked exclusively, then unlocks it. In this order it is never the file of the next holder,
 * unless somebody without a lock removed ours before, which is checked.
 */
export function removeLocked(path: string, descriptor: number): void {
  try {
    if (isNamed(descriptor, path)) unlinkSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  } finally {
    closeSync(descriptor);
  }
}
