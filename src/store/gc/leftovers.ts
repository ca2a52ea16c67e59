import { lstatSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { systemErrorCode } from '../../errors.js';
import { isJsonObject } from '../../json.js';
import { randomName } from '../atomic.js';
import { namesIn } from '../directory-files.js';
import type { Layout } from '../layout.js';
import { openAbandoned, removeLocked } from '../locked-file.js';
import type { Locks } from '../locks.js';
import { useLockName } from '../uses.js';

const dayMs = 86_400_000;
const keptRuns = 100;
const viewAgeMs = 7 * dayMs;
const quarantineAgeMs = 30 * dayMs;
const statEntryAgeMs = 7 * dayMs;
const lockAgeMs = dayMs;

/** Removes old things that are no results. Returns how many. */
export async function removeLeftovers(layout: Layout, locks: Locks, nowMs = Date.now()): Promise<number> {
  const removed = [
    await removeOldRuns(layout),
    await removeOldViews(layout, locks, nowMs),
    await removeOldQuarantine(layout, nowMs),
    removeStaleStatEntries(layout, nowMs),
    removeOldLocks(layout, nowMs),
  ];
  return removed.reduce((sum, count) => sum + count, 0);
}

/** Names of runs begin with their time. */
async function removeOldRuns(layout: Layout): Promise<number> {
  const old = namesIn(layout.runs).sort().slice(0, -keptRuns);
  for (const name of old) await rm(`${layout.runs}/${name}`, { recursive: true, force: true });
  return old.length;
}

/** A view is marked as used whenever its path is told. It is moved away under the lock under which that is done. */
async function removeOldViews(layout: Layout, locks: Locks, nowMs: number): Promise<number> {
  let removed = 0;
  for (const name of namesIn(layout.views)) {
    const path = `${layout.views}/${name}`;
    const trash = `${layout.tmp}/view-${randomName()}`;
    const lock = await locks.acquire(useLockName, 'exclusive', { purpose: 'gc' });
    try {
      if (!isOlder(statSync(path, { throwIfNoEntry: false })?.mtimeMs, nowMs - viewAgeMs)) continue;
      renameSync(path, trash);
    } finally {
      lock.release();
    }
    await rm(trash, { recursive: true, force: true });
    removed++;
  }
  return removed;
}

/** The change time is when the file was moved there. */
async function removeOldQuarantine(layout: Layout, nowMs: number): Promise<number> {
  const old = namesIn(layout.quarantine).filter((name) =>
    isOlder(lstatSync(`${layout.quarantine}/${name}`, { throwIfNoEntry: false })?.ctimeMs, nowMs - quarantineAgeMs),
  );
  for (const name of old) await rm(`${layout.quarantine}/${name}`, { recursive: true, force: true });
  return old.length;
}

/** Entries of files that are gone, and not just for a moment. A missing entry costs one more reading of the file. */
function removeStaleStatEntries(layout: Layout, nowMs: number): number {
  let removed = 0;
  for (const prefix of namesIn(layout.stat)) {
    for (const name of namesIn(`${layout.stat}/${prefix}`)) {
      const path = `${layout.stat}/${prefix}/${name}`;
      const isOld = isOlder(statSync(path, { throwIfNoEntry: false })?.mtimeMs, nowMs - statEntryAgeMs);
      if (!isOld || isFileThere(path)) continue;
      rmSync(path, { force: true });
      removed++;
    }
  }
  return removed;
}

function isFileThere(entryPath: string): boolean {
  try {
    const entry: unknown = JSON.parse(readFileSync(entryPath, 'utf8'));
    const path = isJsonObject(entry) ? entry.path : undefined;
    return typeof path === 'string' && statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) !== undefined) return false;
    throw error;
  }
}

/** Files of locks that nobody has held for a day. */
function removeOldLocks(layout: Layout, nowMs: number): number {
  let removed = 0;
  for (const name of namesIn(layout.locks)) {
    const path = `${layout.locks}/${name}`;
    if (!isOlder(statSync(path, { throwIfNoEntry: false })?.mtimeMs, nowMs - lockAgeMs)) continue;
    const descriptor = openAbandoned(path);
    if (descriptor === undefined) continue;
    removeLocked(path, descriptor);
    removed++;
  }
  return removed;
}

function isOlder(timeMs: number | undefined, thanMs: number): boolean {
  return timeMs !== undefined && timeMs < thanMs;
}
