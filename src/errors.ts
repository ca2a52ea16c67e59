/** Where a problem is: a file and, for text files, a range in it. Lines and columns count from 1. */
export interface Location {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Length of the marked text in UTF-16 code units, on one line. */
  readonly length?: number;
}

/** One problem of a text the user wrote, shown with its source line. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly location: Location;
  /** What to do about it, for example "did you mean `alpha`?". */
  readonly suggestion?: string;
}

/** Exit codes of the command line. They are part of the public contract. */
export const exitCodes = {
  done: 0,
  stageFailed: 1,
  wrongCall: 2,
  gateMissed: 3,
  frozenDiffers: 4,
  checkDiffers: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * What kind of problem it is:
 * - `recipe`: the recipe or the configuration is wrong
 * - `usage`: the command line is wrong
 * - `input`: a file the user gave (model, tokenizer, data set) is missing, damaged or unsupported
 * - `cache`: the store is damaged, full or not writable
 * - `stage`: a stage could not do its work
 * - `engine`: ONNX Runtime or a device refused
 */
export type ErrorCode = 'recipe' | 'usage' | 'input' | 'cache' | 'stage' | 'engine';

export interface ErrorDetails {
  readonly location?: Location;
  /** What the user can do about it. One sentence, no final full stop needed. */
  readonly suggestion?: string;
  /** The error that led to this one. Shown only with `-v`. */
  readonly cause?: unknown;
}

/** An expected problem: reported with one clear message and without a stack trace. */
export class QuernError extends Error {
  readonly code: ErrorCode;
  readonly location: Location | undefined;
  readonly suggestion: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'QuernError';
    this.code = code;
    this.location = details.location;
    this.suggestion = details.suggestion;
  }
}

/** The `code` of a Node.js system error (`ENOENT`, `ENOSPC`, ...), if it is one. */
export function systemErrorCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/** Marks a place that the types say is never reached. */
export function unreachable(value: never): never {
  throw new Error(`Unexpected value: ${JSON.stringify(value)}`);
}
