import { isJsonObject, type Json, type JsonObject } from '../json.js';
import type { ExpectedHash } from './content-hash.js';
import { isSafePath } from './reference.js';

/** A file of a repository at a commit. */
export interface RepositoryFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly hash: ExpectedHash;
}

/** What a repository holds at a commit. */
export interface RepositoryListing {
  readonly commit: string;
  readonly files: readonly RepositoryFile[];
}

/** Reads what the hub says of a revision. `undefined` when that is not an answer of a hub. */
export function parseRevision(value: Json | undefined): RepositoryListing | undefined {
  if (!isJsonObject(value) || !Array.isArray(value.siblings)) return undefined;
  const { sha } = value;
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha)) return undefined;
  const siblings: readonly Json[] = value.siblings;
  const files = siblings.map((sibling) => (isJsonObject(sibling) ? parseSibling(sibling) : undefined));
  return files.every((file) => file !== undefined) ? { commit: sha, files } : undefined;
}

function parseSibling({ rfilename, size, blobId, lfs }: JsonObject): RepositoryFile | undefined {
  if (isJsonObject(lfs)) return repositoryFile(rfilename, lfs.size ?? size, 'sha256', lfs.sha256);
  return repositoryFile(rfilename, size, 'git-sha1', blobId);
}

function repositoryFile(
  path: Json | undefined,
  sizeBytes: Json | undefined,
  algorithm: Json | undefined,
  hex: Json | undefined,
): RepositoryFile | undefined {
  if (typeof path !== 'string' || !isSafePath(path) || typeof hex !== 'string') return undefined;
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return undefined;
  if (algorithm === 'sha256' && /^[0-9a-f]{64}$/.test(hex)) return { path, sizeBytes, hash: { algorithm, hex } };
  if (algorithm === 'git-sha1' && /^[0-9a-f]{40}$/.test(hex)) {
    return { path, sizeBytes, hash: { algorithm, hex, sizeBytes } };
  }
  return undefined;
}

/** The listing as it is kept beside the files, so that a commit that is here needs no network. */
export function listingText({ commit, files }: RepositoryListing): string {
  const entries = files.map(({ path, sizeBytes, hash: { algorithm, hex } }) => ({ path, sizeBytes, algorithm, hex }));
  return `${JSON.stringify({ format: 1, commit, files: entries })}\n`;
}

/** Reads a kept listing. `undefined` when it is none. */
export function parseListing(text: string): RepositoryListing | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || typeof value.commit !== 'string' || !Array.isArray(value.files)) return undefined;
  const entries: readonly Json[] = value.files;
  const files = entries.map((entry) =>
    isJsonObject(entry) ? repositoryFile(entry.path, entry.sizeBytes, entry.algorithm, entry.hex) : undefined,
  );
  return files.every((file) => file !== undefined) ? { commit: value.commit, files } : undefined;
}
