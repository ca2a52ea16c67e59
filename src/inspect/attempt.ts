import { QuernError } from '../errors.js';

export type Attempt<Value> = { readonly value: Value } | { readonly reason: string };

/** What a piece of work gives, or why a model can't have it. Anything but a `QuernError` is a defect and goes on. */
export function attempt<Value>(work: () => Value): Attempt<Value> {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof QuernError) return { reason: error.message };
    throw error;
  }
}
