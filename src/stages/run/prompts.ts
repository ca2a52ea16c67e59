import { QuernError } from '../../errors.js';
import { validationTokens } from '../../runtime/validate.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import type { RunParameters } from './parameters.js';

/** A prompt and its tokens, those that the tokenizer puts round a text included. */
export interface Prompt {
  readonly text: string;
  readonly ids: Int32Array;
}

/**
 * Turns the prompts into tokens.
 * @throws QuernError (`stage`) if one leaves no room for what a task puts behind it
 */
export function encodePrompts(
  { tasks, prompts, maxLength }: RunParameters,
  tokenizer: Tokenizer,
  positions: number,
): readonly Prompt[] {
  return prompts.map((text) => {
    const prompt = { text, ids: tokenizer.encode(text, { special: true }) };
    if (tasks.includes('validate')) {
      requireRoom(prompt, validationTokens, positions, `the ${positions} positions of the model`);
    }
    if (tasks.includes('decode')) requireRoom(prompt, 1, maxLength, `maxLength, which is ${maxLength}`);
    return prompt;
  });
}

function requireRoom({ text, ids }: Prompt, room: number, length: number, limit: string): void {
  if (ids.length + room <= length) return;
  const shown = JSON.stringify(text.length <= 40 ? text : `${text.slice(0, 40)}...`);
  throw new QuernError('stage', `the prompt ${shown} has ${ids.length} tokens: with ${room} more it exceeds ${limit}`, {
    suggestion: 'shorten the prompt or raise maxLength',
  });
}
