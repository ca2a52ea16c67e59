import type { TreeEntry } from '../../store/tree.js';

/** What became of a set of named things between two artifacts. */
export interface NameChanges {
  /** Only in the second. */
  readonly added: readonly string[];
  /** Only in the first. */
  readonly removed: readonly string[];
}

export interface ChangedFile {
  readonly path: string;
  readonly sizeBytesBefore: number;
  readonly sizeBytesAfter: number;
}

export interface FileChanges extends NameChanges {
  readonly changed: readonly ChangedFile[];
}

/** The names that only one of two maps has, in the order in which they stand there. */
export function nameChanges(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): NameChanges {
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
  };
}

/** Compares two lists of files by path and content. */
export function compareFiles(before: readonly TreeEntry[], after: readonly TreeEntry[]): FileChanges {
  const beforeByPath = new Map(before.map((entry) => [entry.path, entry]));
  const afterByPath = new Map(after.map((entry) => [entry.path, entry]));
  const changed = before.flatMap(({ path, sizeBytes, digest }): ChangedFile[] => {
    const other = afterByPath.get(path);
    if (other === undefined || other.digest === digest) return [];
    return [{ path, sizeBytesBefore: sizeBytes, sizeBytesAfter: other.sizeBytes }];
  });
  return { ...nameChanges(beforeByPath, afterByPath), changed };
}
