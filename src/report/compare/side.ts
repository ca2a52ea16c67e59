import { readdirSync, statSync } from 'node:fs';
import { digestOfFile } from '../../store/digest.js';
import { listRegularFiles } from '../../store/directory-files.js';
import { markerName } from '../../store/export-marker.js';
import type { TreeEntry } from '../../store/tree.js';
import { comparePaths } from '../../store/tree-path.js';

/** One of two artifacts that are compared: a directory, and what is known of the files in it. */
export interface Side {
  readonly directory: string;
  /** Sorted by path. */
  readonly files: readonly TreeEntry[];
}

/** Hashes what a stage has written. Throws a `QuernError` for what can't be part of an artifact. */
export function sideOfOutput(directory: string): Promise<Side> {
  return hashFiles(
    directory,
    listRegularFiles(directory).map(({ path }) => path),
  );
}

/** Hashes the files of any directory. Links to files count as those files, and the mark of an export does not count. */
export function sideOfDirectory(directory: string): Promise<Side> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path !== markerName && statSync(`${directory}/${path}`, { throwIfNoEntry: false })?.isFile() === true,
  );
  return hashFiles(directory, paths.sort(comparePaths));
}

async function hashFiles(directory: string, paths: readonly string[]): Promise<Side> {
  const files: TreeEntry[] = [];
  for (const path of paths) files.push({ path, ...(await digestOfFile(`${directory}/${path}`)) });
  return { directory, files };
}
