import { createHash } from 'node:crypto';

/** Hexadecimal sha256 of windows of token ids and of where each of them ends. */
export function tokenDigest(windows: Iterable<Int32Array>): string {
  const hash = createHash('sha256');
  for (const ids of windows) {
    hash.update(Int32Array.of(ids.length));
    hash.update(ids);
  }
  return hash.digest('hex');
}
