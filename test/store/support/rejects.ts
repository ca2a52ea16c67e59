import * as assert from 'uvu/assert';
import type { ErrorCode } from '../../../src/errors.js';
import { QuernError } from '../../../src/errors.js';

/** Checks that a call fails with a `QuernError` of this code and a message like this. */
export async function rejects(call: () => unknown, code: ErrorCode, message: RegExp): Promise<void> {
  let failure: unknown;
  try {
    await call();
  } catch (error) {
    failure = error;
  }
  assert.ok(failure instanceof QuernError, `expected a QuernError, not ${failure}`);
  assert.is(failure.code, code);
  assert.match(failure.message, message);
}
