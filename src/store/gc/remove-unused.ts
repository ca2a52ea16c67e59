import { closeSync, fstatSync, openSync, unlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { systemErrorCode } from '../../errors.js';
import type { Locks } from '../locks.js';
import { useLockName } from '../uses.js';

/** How long builds are kept waiting at a time, and how long they are then left alone. */
const batchMs = 20;
const pauseMs = 10;

/**
 * Removes files of the store that were not used since `cutoffMs`, in the order given. They are looked at and removed
 * under the lock under which builds look for what they use, a few milliseconds at a time. Returns those that are gone.
 */
export async function removeUnused(locks: Locks, paths: readonly string[], cutoffMs: number): Promise<Set<string>> {
  const removed = new Set<string>();
  let next = 0;
  while (next < paths.length) {
    if (next > 0) await setTimeout(pauseMs);
    const lock = await locks.acquire(useLockName, 'exclusive', { purpose: 'gc' });
    try {
      const deadlineMs = performance.now() + batchMs;
      do {
        const path = paths[next++];
        if (path !== undefined && removeIfUnused(path, cutoffMs)) removed.add(path);
      } while (next < paths.length && performance.now() < deadlineMs);
    } finally {
      lock.release();
    }
  }
  return removed;
}

/** Opens the file first: on a network file system that is what brings its times up to date. */
function removeIfUnused(path: string, cutoffMs: number): boolean {
  try {
    const descriptor = openSync(path, 'r');
    try {
      if (fstatSync(descriptor).mtimeMs >= cutoffMs) return false;
    } finally {
      closeSync(descriptor);
    }
    unlinkSync(path);
    return true;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return true;
    // It belongs to another user, whose gc will remove it.
    if (code === 'EACCES' || code === 'EPERM') return false;
    throw error;
  }
}
