import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ErrorCode } from '../errors.js';
import { QuernError, systemErrorCode } from '../errors.js';

const explanations: { readonly [systemCode: string]: readonly [reason: string, suggestion: string] | undefined } = {
  ENOSPC: ['no space is left on its file system', 'free some space there, or choose another directory'],
  EDQUOT: ['the disk quota is used up', 'free some space there, or choose another directory'],
  EACCES: ['permission denied', 'make the directory writable for you, or choose another one'],
  EPERM: ['the operation is not permitted', 'make the directory writable for you, or choose another one'],
  EROFS: ['its file system is read-only', 'choose a directory on a writable file system'],
  EMFILE: ['too many files are open', 'raise the limit of open files (ulimit -n)'],
  ENOTDIR: ['a part of the path is not a directory', 'choose another directory'],
};

/** Turns an error of the file system that the user can do something about into one that says so; passes others on. */
export function storageError(error: unknown, directory: string, code: ErrorCode = 'cache'): unknown {
  const explanation = explanations[systemErrorCode(error) ?? ''];
  if (explanation === undefined) return error;
  const [reason, suggestion] = explanation;
  return new QuernError(code, `can't write to ${directory}: ${reason}`, { suggestion, cause: error });
}

/** Runs an operation that creates `path`, and once more with its directory created when that was missing. */
export function withParentDirectory<T>(path: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return create();
  }
}
