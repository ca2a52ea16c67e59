import { type ErrorCode, type Location, QuernError, systemErrorCode } from './errors.js';

/** An error as data, for the way between threads. It has a code if it was a `QuernError`. */
export interface ThreadError {
  readonly message: string;
  readonly code: string | undefined;
  readonly suggestion: string | undefined;
  readonly location?: Location;
  /** Of a system error: its code and the path that it is about. */
  readonly system?: { readonly code: string; readonly path?: string };
  /** Stack and causes, for `-v`. */
  readonly details?: string;
}

export function threadErrorOf(error: unknown): ThreadError {
  if (!(error instanceof Error)) return { message: String(error), code: undefined, suggestion: undefined };
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  const details = `${error.stack ?? error.message}${cause}`;
  if (error instanceof QuernError) {
    const { message, code, suggestion, location } = error;
    return { message, code, suggestion, ...(location === undefined ? {} : { location }), details };
  }
  const plain = { message: error.message, code: undefined, suggestion: undefined, details };
  const code = systemErrorCode(error);
  if (code === undefined) return plain;
  const path = 'path' in error && typeof error.path === 'string' ? { path: error.path } : {};
  return { ...plain, system: { code, ...path } };
}

/** The error that another thread had. */
export function errorOfThread({ message, code, suggestion, location, system, details }: ThreadError): Error {
  const known = {
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(location === undefined ? {} : { location }),
  };
  const error = code === undefined ? new Error(message) : new QuernError(code as ErrorCode, message, known);
  if (details !== undefined) error.stack = details;
  return Object.assign(error, system);
}
