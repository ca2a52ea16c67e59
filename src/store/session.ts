import { fstatSync, statSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { randomName } from './atomic.js';
import { namesIn } from './directory-files.js';
import type { Layout } from './layout.js';
import { openLocked, removeLocked } from './locked-file.js';
import { storageError } from './storage-error.js';

const namePrefix = 'use-';

/**
 * A time in which a process relies on what it finds in the store. It is a file under `tmp/`, locked as long as the
 * process lives, whose modification time is the start: by the clock of the file system, like the times it is compared with.
 */
export interface Session {
  readonly startedMs: number;
  end(): void;
}

export function beginSession(layout: Layout): Session {
  try {
    for (;;) {
      const path = `${layout.tmp}/${namePrefix}${randomName()}`;
      const descriptor = openLocked(path, 'exclusive');
      if (descriptor === undefined) continue;
      const startedMs = fstatSync(descriptor).mtimeMs;
      let hasEnded = false;
      const end = (): void => {
        if (hasEnded) return;
        hasEnded = true;
        removeLocked(path, descriptor);
      };
      return { startedMs, end };
    }
  } catch (error) {
    throw storageError(error, layout.tmp);
  }
}

/** When the oldest session of a living process began, in milliseconds since 1970; `undefined` when there is none. */
export function oldestSessionMs(layout: Layout): number | undefined {
  let oldest: number | undefined;
  for (const name of namesIn(layout.tmp)) {
    if (!name.startsWith(namePrefix)) continue;
    const startedMs = startOfLiving(`${layout.tmp}/${name}`);
    if (startedMs !== undefined && (oldest === undefined || startedMs < oldest)) oldest = startedMs;
  }
  return oldest;
}

function startOfLiving(path: string): number | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  try {
    const descriptor = openLocked(path, 'exclusive');
    if (descriptor === undefined) return stats.mtimeMs;
    // Nobody holds it: its process is dead, or has just ended and removed the file that is here made anew.
    removeLocked(path, descriptor);
    return undefined;
  } catch (error) {
    const code = systemErrorCode(error);
    // The file of another user can't be asked. It counts as long as it is there.
    if (code === 'EACCES' || code === 'EPERM') return stats.mtimeMs;
    throw error;
  }
}
