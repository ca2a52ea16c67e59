/** A backslash separates on other systems, NUL ends a path, and U+FFFD or a surrogate stands for bytes that are no UTF-8. */
const forbiddenCharacters = /[\\\0\uFFFD]|\p{Surrogate}/u;

/**
 * Whether a path may stand in a tree: relative, parts joined by `/`, none of them empty, `.` or `..`. Such a path
 * joined to a directory names something inside it.
 */
export function isTreePath(path: string): boolean {
  if (forbiddenCharacters.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Order of the UTF-8 bytes of paths. */
export function comparePaths(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** The directories above a path of a tree, nearest first: `a/b`, `a` for `a/b/c`. */
export function* directoriesAbove(path: string): Generator<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end);
}
