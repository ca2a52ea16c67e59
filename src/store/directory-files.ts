import type { BigIntStats } from 'node:fs';
import { lstatSync, readdirSync } from 'node:fs';
import { QuernError, systemErrorCode } from '../errors.js';
import { comparePaths, isTreePath } from './tree-path.js';

export interface DirectoryFile {
  /** Relative to the directory, parts joined by `/`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** See `identityOf`. */
  readonly identity: string;
}

/** Identity of a file and its content, whatever its names: device, inode and time of the last change of its content. */
export function identityOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.mtimeNs}`;
}

/** Names in a directory; none when it is missing. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The regular files below a directory, sorted like the entries of a tree. Anything else, and names that can't stand in a tree, are refused. */
export function listRegularFiles(directory: string): DirectoryFile[] {
  const files: DirectoryFile[] = [];
  function visit(relative: string): void {
    for (const name of readdirSync(relative === '' ? directory : `${directory}/${relative}`)) {
      const path = relative === '' ? name : `${relative}/${name}`;
      if (!isTreePath(path)) throw refused(path, 'its name has characters that are not portable');
      const stats = lstatSync(`${directory}/${path}`, { bigint: true });
      if (stats.isDirectory()) visit(path);
      else if (stats.isFile()) files.push({ path, sizeBytes: Number(stats.size), identity: identityOf(stats) });
      else throw refused(path, stats.isSymbolicLink() ? 'it is a symbolic link' : 'it is not a regular file');
    }
  }
  visit('');
  return files.sort((one, other) => comparePaths(one.path, other.path));
}

function refused(path: string, reason: string): QuernError {
  return new QuernError('stage', `the output ${JSON.stringify(path)} can't be stored: ${reason}`, {
    suggestion: 'only regular files and directories can be part of an artifact',
  });
}
