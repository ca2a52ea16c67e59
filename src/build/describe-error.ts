import { QuernError, systemErrorCode } from '../errors.js';
import type { StageError } from './events.js';

const systemErrors: { readonly [code: string]: { readonly message: string; readonly suggestion: string } } = {
  ENOSPC: { message: 'the disk is full', suggestion: 'free some space, or choose another cache with --cache' },
  EDQUOT: { message: 'the disk quota is used up', suggestion: 'free some space, or choose another cache with --cache' },
  EACCES: { message: 'permission denied', suggestion: 'check the owner and the mode of the directory' },
  EROFS: { message: 'the file system is read-only', suggestion: 'choose another cache with --cache' },
  EMFILE: { message: 'too many open files', suggestion: 'raise the limit with `ulimit -n`' },
};

/** An error as a user should see it: expected problems by their message, anything else as a fault of quern's own. */
export function describeError(error: unknown): StageError {
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (error instanceof QuernError) {
    return {
      message: error.message,
      ...(error.suggestion === undefined ? {} : { suggestion: error.suggestion }),
      ...(error.location === undefined ? {} : { location: error.location }),
      details:
        error.cause instanceof Error ? `${details}\ncaused by ${error.cause.stack ?? error.cause.message}` : details,
    };
  }
  const known = systemErrors[systemErrorCode(error) ?? ''];
  if (known !== undefined && error instanceof Error) {
    const path = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
    return { message: `${path}${known.message}`, suggestion: known.suggestion, details };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { message: `internal error: ${text}`, suggestion: 'run again with -v and report what it prints', details };
}
