import { type Decoder, greedyToken } from './decoder.js';

export interface GenerateOptions {
  /** Most tokens of prompt and answer together. More than the prompt has. */
  readonly maxLength: number;
  /** The tokens that end a text. None, if its end is not to be heeded. */
  readonly endTokens: ReadonlySet<number>;
}

export interface Generation {
  /** The tokens behind the prompt, the end token included. */
  readonly newIds: readonly number[];
  readonly stoppedBy: 'length' | 'end';
  /** Time of the pass over the prompt, up to the first new token. */
  readonly prefillMs: number;
  /** Time of each further token. */
  readonly tokenMs: readonly number[];
}

/** Continues a prompt with the most probable token each time. The decoder is reset first. */
export function generate(decoder: Decoder, promptIds: ArrayLike<number>, options: GenerateOptions): Generation {
  const { maxLength, endTokens } = options;
  const wanted = maxLength - promptIds.length;
  if (wanted < 1) throw new Error(`a prompt of ${promptIds.length} tokens leaves nothing of ${maxLength} to generate`);
  decoder.reset();
  decoder.prepare(promptIds.length);
  decoder.prepare(1);
  const start = performance.now();
  let next = greedyToken(decoder.forward(promptIds));
  const prefillMs = performance.now() - start;
  const newIds = [next];
  const tokenMs: number[] = [];
  const latest = new Int32Array(1);
  while (newIds.length < wanted && !endTokens.has(next)) {
    const tokenStart = performance.now();
    latest[0] = next;
    next = greedyToken(decoder.forward(latest));
    tokenMs.push(performance.now() - tokenStart);
    newIds.push(next);
  }
  return { newIds, stoppedBy: endTokens.has(next) ? 'end' : 'length', prefillMs, tokenMs };
}
