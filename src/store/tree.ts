import { QuernError } from '../errors.js';
import type { Json } from '../json.js';
import { canonicalJson, isJsonObject } from '../json.js';
import type { Digest } from './digest.js';
import { isDigest } from './digest.js';
import { comparePaths, directoriesAbove, isTreePath } from './tree-path.js';

export interface TreeEntry {
  /** Relative, parts joined by `/`. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
}

/** The files of a directory, sorted by the bytes of their paths. Empty directories, modes and times are not kept. */
export interface Tree {
  readonly entries: readonly TreeEntry[];
}

/** Canonical text of a tree. Its sha256 is the digest of the tree. */
export function treeText(tree: Tree): string {
  return canonicalJson({
    entries: tree.entries.map(({ path, sizeBytes, digest }) => ({ path, sizeBytes, digest })),
  });
}

export function treeSizeBytes(tree: Tree): number {
  return tree.entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Reads the text of a tree, which may come from anywhere. Throws a `QuernError` when a rule of trees is broken. */
export function parseTree(text: string): Tree {
  const value = parseJson(text);
  if (!isJsonObject(value) || !Array.isArray(value.entries)) throw malformed('it has no list of entries');
  const entries = value.entries.map(parseEntry);
  checkPaths(entries);
  if (!Number.isSafeInteger(treeSizeBytes({ entries }))) throw malformed('its files are larger than any disk');
  return { entries };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed('it is not JSON');
  }
}

function parseEntry(entry: Json): TreeEntry {
  if (!isJsonObject(entry)) throw malformed('an entry is not an object');
  const { path, sizeBytes, digest } = entry;
  if (typeof path !== 'string' || !isTreePath(path)) throw malformed(`${JSON.stringify(path)} is not a path inside it`);
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw malformed(`${path} has no valid size`);
  }
  if (!isDigest(digest)) throw malformed(`${path} has no valid digest`);
  return { path, sizeBytes, digest };
}

/** Sorted order, which excludes duplicates, and no file that is also a directory. */
function checkPaths(entries: readonly TreeEntry[]): void {
  const files = new Set(entries.map(({ path }) => path));
  let previous: string | undefined;
  for (const { path } of entries) {
    if (previous !== undefined && comparePaths(previous, path) >= 0) throw malformed(`${path} is out of order`);
    for (const directory of directoriesAbove(path)) {
      if (files.has(directory)) throw malformed(`${directory} is a file and a directory`);
    }
    previous = path;
  }
}

function malformed(what: string): QuernError {
  return new QuernError('cache', `a tree in the cache is malformed: ${what}`);
}
