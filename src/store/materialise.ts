import { constants, lstatSync, mkdirSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { QuernError } from '../errors.js';
import { hasBlob } from './blobs.js';
import { forEachConcurrently } from './concurrent.js';
import type { Digest } from './digest.js';
import { identityOf } from './directory-files.js';
import { syncDirectory, syncFiles } from './durability.js';
import type { Layout } from './layout.js';
import { linkMode, linkOrCopy } from './link-mode.js';
import { storageError } from './storage-error.js';
import type { Tree, TreeEntry } from './tree.js';
import { directoriesAbove } from './tree-path.js';
import { readTree } from './trees.js';
import type { Uses } from './uses.js';

/**
 * Makes the files of a tree appear in a directory, read-only, as links to their blobs where that is possible. Returns
 * the digest of each file by identity, which is what `publishTree` wants to know. The blobs are marked as used first:
 * that changes the identity of their hard links, which must not happen later.
 */
export function linkTree(layout: Layout, uses: Uses, digest: Digest, directory: string): ReadonlyMap<string, Digest> {
  const tree = requireTree(layout, digest);
  const known = new Map<string, Digest>();
  try {
    createDirectories(tree, directory);
    const mode = linkMode(layout);
    for (const entry of tree.entries) {
      const path = `${directory}/${entry.path}`;
      const blob = requireBlob(layout, entry);
      uses.mark(blob);
      linkOrCopy(mode, blob, path);
      known.set(identityOf(lstatSync(path, { bigint: true })), entry.digest);
    }
    return known;
  } catch (error) {
    throw storageError(error, directory);
  }
}

/** Copies the files of a tree, writable and independent of the store, into a new directory, and flushes them to disk. */
export async function copyFilesOf(layout: Layout, tree: Tree, directory: string): Promise<void> {
  createDirectories(tree, directory);
  await forEachConcurrently(tree.entries, async (entry) => {
    const path = `${directory}/${entry.path}`;
    await copyFile(requireBlob(layout, entry), path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    await chmod(path, 0o644);
  });
  await syncFiles(tree.entries.map(({ path }) => `${directory}/${path}`));
  for (const subdirectory of directoriesOf(tree)) syncDirectory(`${directory}/${subdirectory}`);
}

/** The tree of this digest. A `QuernError` when the store does not have it. */
export function requireTree(layout: Layout, digest: Digest): Tree {
  const tree = readTree(layout, digest);
  if (tree === undefined) throw incomplete(layout, `the artifact ${digest} is missing or was damaged`);
  return tree;
}

function requireBlob(layout: Layout, { path, sizeBytes, digest }: TreeEntry): string {
  if (!hasBlob(layout, digest, sizeBytes)) throw incomplete(layout, `the content of ${path} is missing or was damaged`);
  return layout.blob(digest);
}

function incomplete(layout: Layout, what: string): QuernError {
  return new QuernError('cache', `the cache ${layout.root} is incomplete: ${what}`, {
    suggestion: 'build again to make it anew',
  });
}

function directoriesOf(tree: Tree): ReadonlySet<string> {
  return new Set(tree.entries.flatMap(({ path }) => [...directoriesAbove(path)]));
}

function createDirectories(tree: Tree, directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const subdirectory of directoriesOf(tree)) mkdirSync(`${directory}/${subdirectory}`, { recursive: true });
}
