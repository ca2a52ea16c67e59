import { logitError } from '../models/logit-error.js';
import { type Decoder, greedyToken } from './decoder.js';

/** How far two decoders are apart on the same tokens. A type and not an interface, so that it is JSON. */
export type Validation = {
  /** Rows of logits that were compared: one for each token of the prompts and each further token. */
  readonly comparedTokens: number;
  /** Largest of max |a - b| / max |a| over the passes, a being the logits of the reference. */
  readonly maxLogitError: number;
  /** Share of the rows in which both have the same most probable token. */
  readonly top1Agreement: number;
};

/** Tokens that are compared behind each prompt. */
export const validationTokens = 8;

/**
 * Compares the logits of a decoder with those of a reference: those of each prompt, and then of the tokens that the
 * reference would go on with, one by one.
 */
export function validate(
  decoder: Decoder,
  reference: Decoder,
  prompts: readonly ArrayLike<number>[],
  onPrompt: () => void = () => {},
): Validation {
  let comparedTokens = 0;
  let agreeing = 0;
  let maxLogitError = 0;
  const compare = (ids: ArrayLike<number>): number => {
    const expected = reference.forwardAll(ids);
    const actual = decoder.forwardAll(ids);
    maxLogitError = Math.max(maxLogitError, logitError(expected, actual));
    const vocabulary = expected.length / ids.length;
    let next = 0;
    for (let start = 0; start < expected.length; start += vocabulary) {
      next = greedyToken(expected.subarray(start, start + vocabulary));
      if (greedyToken(actual.subarray(start, start + vocabulary)) === next) agreeing++;
      comparedTokens++;
    }
    return next;
  };
  for (const prompt of prompts) {
    decoder.reset();
    reference.reset();
    let next = compare(prompt);
    for (let token = 0; token < validationTokens; token++) next = compare([next]);
    onPrompt();
  }
  return { comparedTokens, maxLogitError, top1Agreement: comparedTokens === 0 ? 1 : agreeing / comparedTokens };
}
