import { createRequire } from 'node:module';

interface NativeFileSystem {
  tryLock(descriptor: number, offset: number, length: number, options: { shared: boolean }): boolean;
  swapSync(from: string, to: string): void;
}

let loaded: NativeFileSystem | undefined;

/** Loading the addon takes 10 ms, which a build with nothing to do is spared. */
function native(): NativeFileSystem {
  const addon: NativeFileSystem = loaded ?? createRequire(import.meta.url)('fs-native-extensions');
  loaded = addon;
  return addon;
}

/**
 * Takes an open-file-description lock on a whole file, without waiting: the kernel drops it when the descriptor is
 * closed, however the process ends. Needs a descriptor open for reading and writing.
 */
export function tryLockDescriptor(descriptor: number, mode: 'shared' | 'exclusive'): boolean {
  return native().tryLock(descriptor, 0, 0, { shared: mode === 'shared' });
}

/** Exchanges two paths of one file system in one step (`renameat2` with `RENAME_EXCHANGE`). */
export function exchangePaths(one: string, other: string): void {
  native().swapSync(one, other);
}
