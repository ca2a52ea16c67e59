import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths in a directory and the contents of the files, in base64, in order. */
export function filesOf(directory: string): readonly (readonly [string, string])[] {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return names
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path.slice(directory.length), readFileSync(path, 'base64')]);
}
