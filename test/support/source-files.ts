import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { namesInside } from '../../src/files/names-inside.js';
import type { SourceFile } from '../../src/stages/kind.js';

/** A file, or the files of a directory, as a stage finds its source. */
export function sourceFiles(path: string): readonly SourceFile[] {
  const isDirectory = statSync(path).isDirectory();
  const files = isDirectory
    ? namesInside(path).map((name) => ({ name, path: join(path, name) }))
    : [{ name: basename(path), path }];
  return files.map((file) => ({
    ...file,
    sizeBytes: statSync(file.path).size,
    digest: `sha256:${'0'.repeat(64)}`,
  }));
}
