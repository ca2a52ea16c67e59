import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** How many folders deep files of a model may be, such as `onnx/weights/`. */
const deepest = 2;

/**
 * Names of the files in a directory and in the folders inside it, relative to it with `/` between parts. Folders that are
 * hidden or not readable are left out, and links are not followed.
 */
export function namesInside(directory: string): readonly string[] {
  return filesOf(readdirSync(directory, { withFileTypes: true }), directory, deepest);
}

function filesOf(entries: readonly Dirent[], directory: string, depth: number): readonly string[] {
  return entries.flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name];
    if (depth === 0 || entry.name.startsWith('.')) return [];
    const folder = join(directory, entry.name);
    return filesOf(entriesOf(folder), folder, depth - 1).map((name) => `${entry.name}/${name}`);
  });
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
