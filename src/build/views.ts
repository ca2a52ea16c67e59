import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../errors.js';
import { randomName } from '../store/atomic.js';
import type { Digest } from '../store/digest.js';
import { hexOf } from '../store/digest.js';
import type { Store } from '../store/store.js';

/**
 * A directory of the store in which an artifact can be looked at. Its files are shared with the store and read-only. It
 * is kept for a week after the last time it was asked for.
 */
export async function viewTree(store: Store, artifact: Digest): Promise<string> {
  const directory = join(store.layout.views, hexOf(artifact));
  const use = store.beginUse();
  try {
    if (!(await store.claimView(directory))) await makeView(store, artifact, directory);
    return directory;
  } finally {
    use.end();
  }
}

async function makeView(store: Store, artifact: Digest, directory: string): Promise<void> {
  const unfinished = `${directory}.${randomName()}`;
  mkdirSync(store.layout.views, { recursive: true });
  try {
    await store.claimTree(artifact);
    store.linkTree(artifact, unfinished);
    renameSync(unfinished, directory);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    const code = systemErrorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}
