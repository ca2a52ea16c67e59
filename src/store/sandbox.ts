import { chmodSync, closeSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { systemErrorCode } from '../errors.js';
import { randomName } from './atomic.js';
import { namesIn } from './directory-files.js';
import type { Layout } from './layout.js';
import { openAbandoned, openLocked, removeLocked } from './locked-file.js';
import { storageError } from './storage-error.js';

/** A directory for work in progress, on the file system of the store. It belongs to this process and dies with it. */
export interface Sandbox {
  readonly directory: string;
  /** Removes the directory with all that is in it. */
  dispose(): Promise<void>;
}

/** Creates an empty sandbox. Its owner lock, a file beside it, is held until it is disposed of or the process ends. */
export function createSandbox(layout: Layout): Sandbox {
  try {
    const { directory, descriptor } = createOwnedDirectory(layout);
    let isDisposed = false;
    return {
      directory,
      dispose: async () => {
        if (isDisposed) return;
        isDisposed = true;
        await removeSandbox(directory, descriptor);
      },
    };
  } catch (error) {
    throw storageError(error, layout.tmp);
  }
}

/** The lock comes first: a sweep never sees the directory without its owner. */
function createOwnedDirectory(layout: Layout): { directory: string; descriptor: number } {
  for (;;) {
    const directory = `${layout.tmp}/sandbox-${randomName()}`;
    const descriptor = openLocked(ownerLock(directory), 'exclusive');
    if (descriptor === undefined) continue;
    try {
      mkdirSync(directory);
      return { directory, descriptor };
    } catch (error) {
      removeLocked(ownerLock(directory), descriptor);
      throw error;
    }
  }
}

function ownerLock(directory: string): string {
  return `${directory}.lock`;
}

async function removeSandbox(directory: string, descriptor: number): Promise<void> {
  try {
    await removeDirectory(directory);
  } catch (error) {
    closeSync(descriptor);
    throw storageError(error, directory);
  }
  removeLocked(ownerLock(directory), descriptor);
}

/**
 * Removes the sandboxes and unfinished files under `tmp/` whose owner is dead, and nothing that belongs to a living
 * process on any host. Any number of processes may sweep at once. Returns how many were removed.
 */
export async function sweepSandboxes(layout: Layout): Promise<number> {
  const names = namesIn(layout.tmp);
  const directories = new Set<string>();
  let removed = 0;
  for (const name of names) {
    const path = `${layout.tmp}/${name}`;
    if (name.endsWith('.lock')) directories.add(path.slice(0, -'.lock'.length));
    else if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) directories.add(path);
    else if (sweepFile(path)) removed++;
  }
  for (const directory of directories) if (await sweepDirectory(directory)) removed++;
  return removed;
}

/** An unfinished file is locked by its writer. */
function sweepFile(path: string): boolean {
  const descriptor = openAbandoned(path);
  if (descriptor === undefined) return false;
  removeLocked(path, descriptor);
  return true;
}

async function sweepDirectory(directory: string): Promise<boolean> {
  const descriptor = openAbandoned(ownerLock(directory));
  if (descriptor === undefined) return false;
  await removeSandbox(directory, descriptor);
  return true;
}

/** Removes a directory, also one in which work took away its own permission to write. */
async function removeDirectory(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    makeWritable(directory);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Directories only: files may be hard links to blobs, whose mode stays. */
function makeWritable(directory: string): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(`${directory}/${entry.name}`);
  }
}
