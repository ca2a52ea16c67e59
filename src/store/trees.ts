import { readFileSync } from 'node:fs';
import { QuernError, systemErrorCode } from '../errors.js';
import type { HashedAhead } from './ahead.js';
import { writeStoreFile } from './atomic.js';
import type { HashedFile } from './blobs.js';
import { blobMode, claimBlob, hasBlob, hashForPublishing, publishFiles, verifyBlob } from './blobs.js';
import type { Digest } from './digest.js';
import { digestOfBytes } from './digest.js';
import { listRegularFiles } from './directory-files.js';
import type { Layout } from './layout.js';
import { quarantine } from './quarantine.js';
import type { Tree, TreeEntry } from './tree.js';
import { parseTree, treeSizeBytes, treeText } from './tree.js';
import type { Uses } from './uses.js';

export interface PublishedTree {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** How many of these bytes the store did not have before. */
  readonly newBytes: number;
}

/**
 * Stores the files of a directory, which are gone from it afterwards. `known` tells the content of files by identity
 * (`identityOf`): one that is a link to an input is neither read nor moved. What was hashed ahead is not read again.
 */
export async function publishTree(
  layout: Layout,
  uses: Uses,
  directory: string,
  known: ReadonlyMap<string, Digest>,
  ahead?: HashedAhead,
): Promise<PublishedTree> {
  const entries: TreeEntry[] = [];
  const hashedFiles: HashedFile[] = [];
  for (const { path, sizeBytes, identity } of listRegularFiles(directory)) {
    const knownDigest = known.get(identity);
    if (knownDigest !== undefined && (await uses.undisturbed(() => claimBlob(layout, uses, knownDigest, sizeBytes)))) {
      entries.push({ path, sizeBytes, digest: knownDigest });
    } else {
      const file = await hashForPublishing(`${directory}/${path}`, ahead?.contentOf(identity, sizeBytes));
      hashedFiles.push(file);
      entries.push({ path, sizeBytes: file.sizeBytes, digest: file.digest });
    }
  }
  const newBytes = await publishFiles(layout, uses, hashedFiles);
  const tree: Tree = { entries };
  const digest = await uses.undisturbed(() => writeTree(layout, uses, tree));
  return { digest, sizeBytes: treeSizeBytes(tree), newBytes };
}

/** Stores a tree whose blobs are stored. Throws a `QuernError` when it breaks a rule of trees. */
export function writeTree(layout: Layout, uses: Uses, tree: Tree): Digest {
  const text = treeText(tree);
  parseTree(text);
  const digest = digestOfBytes(Buffer.from(text));
  if (readTree(layout, digest) === undefined) writeStoreFile(layout, layout.tree(digest), text, { mode: blobMode });
  uses.mark(layout.tree(digest));
  return digest;
}

/** The tree of this digest; `undefined` when it is missing. One that is damaged or malformed is quarantined. */
export function readTree(layout: Layout, digest: Digest): Tree | undefined {
  const path = layout.tree(digest);
  try {
    const bytes = readFileSync(path);
    if (digestOfBytes(bytes) === digest) return parseTree(bytes.toString());
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    if (!(error instanceof QuernError)) throw error;
  }
  quarantine(layout, path);
  return undefined;
}

/** Whether a tree and all its blobs are there, judged by sizes. */
export function hasTree(layout: Layout, digest: Digest): boolean {
  const tree = readTree(layout, digest);
  return tree?.entries.every((entry) => hasBlob(layout, entry.digest, entry.sizeBytes)) ?? false;
}

/** Reads all of a tree and compares it with its digests. What is corrupt is quarantined. Returns whether all is intact. */
export async function verifyTree(layout: Layout, digest: Digest): Promise<boolean> {
  const tree = readTree(layout, digest);
  let isIntact = tree !== undefined;
  for (const blob of new Set(tree?.entries.map((entry) => entry.digest)))
    if ((await verifyBlob(layout, blob)) !== 'intact') isIntact = false;
  return isIntact;
}
