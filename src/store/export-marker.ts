import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { Digest } from './digest.js';
import { isDigest } from './digest.js';
import type { Tree } from './tree.js';
import { isTreePath } from './tree-path.js';

/** The file that marks a directory as an export, which later exports may replace. */
export const markerName = '.quern-export.json';

/** What an export wrote, in enough detail to see later with stats alone that nothing changed. */
export interface ExportMarker {
  readonly format: 1;
  readonly tree: Digest;
  readonly files: readonly ExportedFile[];
}

interface ExportedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Time of the last modification in nanoseconds since 1970, as decimal digits. */
  readonly mtimeNs: string;
}

/** Records the present state of a directory that holds the files of a tree. */
export function writeMarker(directory: string, tree: Tree, digest: Digest): void {
  const files = tree.entries.map(({ path, sizeBytes }): ExportedFile => {
    const stats = lstatSync(`${directory}/${path}`, { bigint: true });
    return { path, sizeBytes, mtimeNs: String(stats.mtimeNs) };
  });
  const marker: ExportMarker = { format: 1, tree: digest, files };
  writeFileSync(`${directory}/${markerName}`, `${JSON.stringify(marker, undefined, 1)}\n`, { flush: true });
}

/** The marker of a directory; `undefined` when there is none, or none that can be understood. */
export function readMarker(directory: string): ExportMarker | undefined {
  try {
    return parseMarker(JSON.parse(readFileSync(`${directory}/${markerName}`, 'utf8')));
  } catch (error) {
    const code = systemErrorCode(error);
    if (error instanceof SyntaxError || code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function parseMarker(value: unknown): ExportMarker | undefined {
  if (!isJsonObject(value) || value.format !== 1 || !isDigest(value.tree)) return undefined;
  if (!Array.isArray(value.files)) return undefined;
  const files = value.files.filter(isExportedFile);
  return files.length === value.files.length ? { format: 1, tree: value.tree, files } : undefined;
}

function isExportedFile(value: unknown): value is ExportedFile {
  if (!isJsonObject(value)) return false;
  const { path, sizeBytes, mtimeNs } = value;
  return typeof path === 'string' && isTreePath(path) && typeof sizeBytes === 'number' && typeof mtimeNs === 'string';
}

/** Whether every file a marker names is as it was written. */
export function matchesMarker(directory: string, marker: ExportMarker): boolean {
  return marker.files.every(({ path, sizeBytes, mtimeNs }) => {
    const stats = lstatSync(`${directory}/${path}`, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() === true && stats.size === BigInt(sizeBytes) && String(stats.mtimeNs) === mtimeNs;
  });
}
