import type { Stats } from 'node:fs';
import { readFileSync, statSync, utimesSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { writeStoreFile } from './atomic.js';
import type { Layout } from './layout.js';
import type { Locks } from './locks.js';
import type { Session } from './session.js';
import { beginSession } from './session.js';

/** Shared by those who look for something and mark it as used, exclusive while something unused is removed. */
export const useLockName = 'use';

/** Outside of a session the time of the last use is kept this exactly, which spares most cache hits a write. */
const coarseMs = 3_600_000;
const largestCopyBytes = 16 << 20;

/**
 * Tells gc what is in use. Everything that is relied on in a session is marked: its modification time becomes one after
 * the start of the session. gc removes nothing whose time is after the start of the oldest living session, and both sides
 * look and act under one lock, which they hold for milliseconds.
 */
export class Uses {
  readonly #layout: Layout;
  readonly #locks: Locks;
  #session: Session | undefined;
  #depth = 0;

  constructor(layout: Layout, locks: Locks) {
    this.#layout = layout;
    this.#locks = locks;
  }

  /** Begins a session, or joins the one of this process. What is marked until it ends stays in the store. */
  begin(): { end(): void } {
    this.#session ??= beginSession(this.#layout);
    this.#depth++;
    let hasEnded = false;
    const end = (): void => {
      if (hasEnded) return;
      hasEnded = true;
      this.#depth--;
      if (this.#depth > 0) return;
      this.#session?.end();
      this.#session = undefined;
    };
    return { end };
  }

  /** Does something short while gc removes nothing. Outside of a session nothing is relied on, so nothing is waited for. */
  async undisturbed<T>(work: () => T): Promise<T> {
    if (this.#session === undefined) return work();
    const lock = await this.#locks.acquire(useLockName, 'shared');
    try {
      return work();
    } finally {
      lock.release();
    }
  }

  /** Marks a file or directory of the store as used now. Returns whether it is there. */
  mark(path: string): boolean {
    const notBeforeMs = this.#session?.startedMs ?? Date.now() - coarseMs;
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return false;
    return stats.mtimeMs >= notBeforeMs || touch(this.#layout, path, stats, this.usedMs());
  }

  /** The time of a use now: never before the start of the session, whatever the clock of this machine says. */
  usedMs(): number {
    return this.#session === undefined ? Date.now() : Math.max(Date.now(), Math.ceil(this.#session.startedMs) + 1);
  }
}

function touch(layout: Layout, path: string, stats: Stats, timeMs: number): boolean {
  try {
    utimesSync(path, timeMs / 1000, timeMs / 1000);
    return true;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return false;
    if (code === 'EACCES' || code === 'EPERM') return replaceByOwnCopy(layout, path, stats);
    throw error;
  }
}

/**
 * Only the owner of a file may set its time, but whoever may write to the directory may replace it. A large one counts
 * as missing: it is about to be published again, which does the same.
 */
function replaceByOwnCopy(layout: Layout, path: string, { size, mode }: Stats): boolean {
  if (size > largestCopyBytes) return false;
  try {
    writeStoreFile(layout, path, readFileSync(path), { mode: mode & 0o777 });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
