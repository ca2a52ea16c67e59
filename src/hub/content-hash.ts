import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

/** What the content of a file has to hash to: its sha256 (large files), or its git blob id (small ones). */
export type ExpectedHash =
  | { readonly algorithm: 'sha256'; readonly hex: string }
  | { readonly algorithm: 'git-sha1'; readonly hex: string; readonly sizeBytes: number };

/** Starts the hash of a content. Git hashes a header with the size before it. */
export function startHash(expected: ExpectedHash): Hash {
  if (expected.algorithm === 'sha256') return createHash('sha256');
  return createHash('sha1').update(`blob ${expected.sizeBytes}\0`);
}

/** Hashes what a file holds, in pieces of 1 MiB, and serves timers and signals in between. */
export async function updateFromFile(hash: Hash, path: string): Promise<void> {
  const buffer = Buffer.allocUnsafe(1 << 20);
  const descriptor = openSync(path, 'r');
  try {
    for (let pieces = 1; ; pieces++) {
      const count = readSync(descriptor, buffer, 0, buffer.length, null);
      if (count === 0) return;
      hash.update(buffer.subarray(0, count));
      if (pieces % 32 === 0) await setImmediate();
    }
  } finally {
    closeSync(descriptor);
  }
}
