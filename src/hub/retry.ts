import { setTimeout } from 'node:timers/promises';
import { QuernError } from '../errors.js';
import { printable } from '../files/quote.js';

/** A failure that may pass: the server is busy or gone for a moment, or a connection was cut. */
export class TransientFailure extends Error {
  /** How long the server asks to wait. */
  readonly waitMs: number | undefined;
  /** Whether something was achieved before it, so that patience may start anew. */
  readonly madeProgress: boolean;

  constructor(message: string, details: { waitMs?: number | undefined; madeProgress?: boolean; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.waitMs = details.waitMs;
    this.madeProgress = details.madeProgress === true;
  }
}

export interface RetryOptions {
  /** What is tried, for the message when it fails for good. */
  readonly what: string;
  readonly firstPauseMs: number;
  readonly attempts?: number;
  readonly signal?: AbortSignal | undefined;
}

const longestPauseMs = 60_000;
/** Servers that ask for more are not waited for. */
const longestAskedMs = 300_000;

/** Tries until something else than a `TransientFailure` happens, with pauses that double, at the most `attempts` times without progress. */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { firstPauseMs, attempts = 6, signal } = options;
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      failures = error.madeProgress ? 1 : failures + 1;
      const waitMs = error.waitMs ?? Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
      if (failures >= attempts || waitMs > longestAskedMs) throw finalFailure(options.what, error);
      await setTimeout(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

function finalFailure(what: string, failure: TransientFailure): QuernError {
  return new QuernError('input', `${what} can't be reached: ${printable(failure.message)}`, {
    suggestion: 'try again later (what was downloaded so far is kept), or --offline to use what is on this machine',
    cause: failure,
  });
}
