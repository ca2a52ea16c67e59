import { setTimeout } from 'node:timers/promises';
import { openLocked, removeLocked } from '../store/locked-file.js';

const longestPauseMs = 100;

/** Does something while no other process holds the lock of this path, waiting for it first. */
export async function withFileLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  use: () => Promise<T>,
): Promise<T> {
  const descriptor = await acquire(path, signal);
  try {
    return await use();
  } finally {
    removeLocked(path, descriptor);
  }
}

async function acquire(path: string, signal: AbortSignal | undefined): Promise<number> {
  for (let pauseMs = 5; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    signal?.throwIfAborted();
    const descriptor = openLocked(path, 'exclusive');
    if (descriptor !== undefined) return descriptor;
    await setTimeout(pauseMs, undefined, signal === undefined ? {} : { signal });
  }
}
