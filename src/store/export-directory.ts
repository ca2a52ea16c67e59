import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { QuernError, systemErrorCode } from '../errors.js';
import { sha256 } from '../json.js';
import { randomName } from './atomic.js';
import type { Digest } from './digest.js';
import { syncDirectory } from './durability.js';
import { markerName, matchesMarker, readMarker, writeMarker } from './export-marker.js';
import type { Layout } from './layout.js';
import type { Locks } from './locks.js';
import { copyFilesOf, requireTree } from './materialise.js';
import { exchangePaths } from './native.js';
import { storageError } from './storage-error.js';
import type { Tree } from './tree.js';

/**
 * Puts a copy of a tree at `destination`, in the place of what was there: nothing, an empty directory, or an earlier
 * export to which nobody added a file. Anything else is refused. At any instant the destination is the old one or the
 * new one; only where the file system can't exchange two names is it absent for the time between two renames.
 */
export async function copyTree(layout: Layout, locks: Locks, digest: Digest, destination: string): Promise<void> {
  const tree = requireTree(layout, digest);
  if (tree.entries.some(({ path }) => path === markerName)) {
    throw new QuernError('stage', `the artifact has a file named ${markerName}, which marks exported directories`);
  }
  const target = resolveDestination(destination);
  const lock = await locks.acquire(`export-${sha256(target)}`, 'exclusive', { purpose: `export to ${target}` });
  try {
    await replaceWithCopy(layout, tree, digest, target);
  } catch (error) {
    throw storageError(error, dirname(target), 'stage');
  } finally {
    lock.release();
  }
}

async function replaceWithCopy(layout: Layout, tree: Tree, digest: Digest, target: string): Promise<void> {
  refuseForeignContent(target);
  mkdirSync(dirname(target), { recursive: true });
  removeLeftovers(layout, target);
  const fresh = `${freshPrefix(layout, target)}${randomName()}`;
  try {
    mkdirSync(fresh);
    await copyFilesOf(layout, tree, fresh);
    writeMarker(fresh, tree, digest);
    syncDirectory(fresh);
    refuseForeignContent(target);
    replaceDirectory(fresh, target);
    syncDirectory(dirname(target));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Whether a directory is an export of this tree in which nothing changed since. Reads the marker and stats the files. */
export function exportIsCurrent(destination: string, digest: Digest): boolean {
  const marker = readMarker(destination);
  return marker?.tree === digest && matchesMarker(destination, marker);
}

/** A symbolic link to a directory stays one: what it points to is replaced. */
function resolveDestination(destination: string): string {
  try {
    return realpathSync(destination);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return resolve(destination);
    throw storageError(error, dirname(destination), 'stage');
  }
}

/** The store is part of the name, so that two stores that export to one place leave each other's copies alone. */
function freshPrefix(layout: Layout, target: string): string {
  return join(dirname(target), `.${basename(target)}.quern-${sha256(layout.root).slice(0, 8)}-`);
}

/** Copies that a killed process left. The caller holds the lock of the target, so none of them is still being made. */
function removeLeftovers(layout: Layout, target: string): void {
  const prefix = basename(freshPrefix(layout, target));
  const parent = dirname(target);
  for (const name of readdirSync(parent)) {
    if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function refuseForeignContent(target: string): void {
  const stats = statSync(target, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) throw refused(target, 'it is not a directory');
  const names = readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(target, join(entry.parentPath, entry.name)));
  if (names.length === 0) return;
  const marker = readMarker(target);
  if (marker === undefined) throw refused(target, 'it holds files that were not exported by quern');
  const exported = new Set([markerName, ...marker.files.map(({ path }) => path)]);
  const foreign = names.find((name) => !exported.has(name));
  if (foreign !== undefined) throw refused(target, `${foreign} in it was not exported by quern`);
}

function refused(target: string, reason: string): QuernError {
  return new QuernError('stage', `${target} is not replaced: ${reason}`, {
    suggestion: 'export to another directory, or move those files away',
  });
}

const exchangeRefusals = new Set(['ENOSYS', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP']);

/** Afterwards what was at `target`, if it had files, is at `fresh`. */
function replaceDirectory(fresh: string, target: string): void {
  try {
    // Renaming replaces an empty directory, and fails when there are files.
    renameSync(fresh, target);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    exchangeDirectories(fresh, target);
  }
}

function exchangeDirectories(fresh: string, target: string): void {
  try {
    exchangePaths(fresh, target);
  } catch (error) {
    if (!exchangeRefusals.has(systemErrorCode(error) ?? '')) throw error;
    const old = `${fresh}-old`;
    renameSync(target, old);
    renameSync(fresh, target);
    rmSync(old, { recursive: true, force: true });
  }
}
