import { QuernError } from '../../src/errors.js';

/** The problem that a promise is rejected with, which must be an expected one. */
export async function failure(promise: Promise<unknown>): Promise<QuernError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof QuernError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}
