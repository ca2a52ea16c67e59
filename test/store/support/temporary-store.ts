import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../../../src/store/digest.js';
import type { StatCacheOptions } from '../../../src/store/stat-cache.js';
import { Store } from '../../../src/store/store.js';
import { withTemporaryDirectory } from '../../support/temporary.js';

/** Calls `use` with a new store and a directory beside it, and removes both afterwards. */
export function withStore<T>(
  use: (store: Store, directory: string) => Promise<T>,
  options: StatCacheOptions = {},
): Promise<T> {
  return withTemporaryDirectory((directory) => use(Store.open(join(directory, 'store'), options), directory));
}

export function writeFiles(directory: string, files: { readonly [path: string]: string }): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

/** Stores these files as a tree and returns its digest. */
export async function publishFilesAsTree(store: Store, files: { readonly [path: string]: string }): Promise<Digest> {
  const sandbox = store.createSandbox();
  writeFiles(sandbox.directory, files);
  const { digest } = await store.publishTree(sandbox.directory);
  await sandbox.dispose();
  return digest;
}
