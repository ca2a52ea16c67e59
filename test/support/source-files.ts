import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SourceFile } from '../../src/stages/kind.js';

/** A file, or the files of a directory, as a stage finds its source. */
export function sourceFiles(path: string): readonly SourceFile[] {
  const isDirectory = statSync(path).isDirectory();
  const paths = isDirectory ? readdirSync(path).map((name) => join(path, name)) : [path];
  return paths.map((file) => ({
    name: basename(file),
    path: file,
    sizeBytes: statSync(file).size,
    digest: `sha256:${'0'.repeat(64)}`,
  }));
}
