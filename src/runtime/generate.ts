import { type Decoder, greedyToken } from './decoder.js';
import type { TokenChoice } from './sampling.js';

export interface GenerateOptions {
  /** Most tokens of prompt and answer together. More than the prompt has. */
  readonly maxLength: number;
  /** The tokens that end a text. None, if its end is not to be heeded. */
  readonly endTokens: ReadonlySet<number>;
  /** Chooses each token by the logits before it. Default: the most probable one. */
  readonly choose?: TokenChoice;
}

/** A token behind a prompt, and the time from the one before it, of the first from the prompt: its pass is part of it. */
export interface GeneratedToken {
  readonly id: number;
  readonly durationMs: number;
}

export type StopReason = 'length' | 'end';

export interface Generation {
  /** The tokens behind the prompt, the end token included. */
  readonly newIds: readonly number[];
  readonly stoppedBy: StopReason;
  /** Time of the pass over the prompt, up to the first new token. */
  readonly prefillMs: number;
  /** Time of each further token. */
  readonly tokenMs: readonly number[];
}

/** Continues a prompt token by token; the work for one is done when it is asked for. The decoder is reset first. */
export function* generateTokens(
  decoder: Decoder,
  promptIds: ArrayLike<number>,
  { maxLength, endTokens, choose = greedyToken }: GenerateOptions,
): Generator<GeneratedToken, StopReason, undefined> {
  const wanted = maxLength - promptIds.length;
  if (wanted < 1) throw new Error(`a prompt of ${promptIds.length} tokens leaves nothing of ${maxLength} to generate`);
  decoder.reset();
  decoder.prepare(promptIds.length);
  decoder.prepare(1);
  const latest = new Int32Array(1);
  for (let count = 0; count < wanted; count++) {
    const start = performance.now();
    const id = choose(decoder.forward(count === 0 ? promptIds : latest));
    yield { id, durationMs: performance.now() - start };
    if (endTokens.has(id)) return 'end';
    latest[0] = id;
  }
  return 'length';
}

/** Continues a prompt to its end. The decoder is reset first. */
export function generate(decoder: Decoder, promptIds: ArrayLike<number>, options: GenerateOptions): Generation {
  return collect(generateTokens(decoder, promptIds, options));
}

/** A text token by token as a whole. It has at least one. */
export function collect(tokens: Generator<GeneratedToken, StopReason, undefined>): Generation {
  const generated: GeneratedToken[] = [];
  let next = tokens.next();
  for (; !next.done; next = tokens.next()) generated.push(next.value);
  return generationOf(generated, next.value);
}

/** What was generated so far. Throws without any token. */
export function generationOf(generated: readonly GeneratedToken[], stoppedBy: StopReason): Generation {
  const [first, ...others] = generated;
  if (first === undefined) throw new Error('nothing was generated');
  return {
    newIds: generated.map(({ id }) => id),
    stoppedBy,
    prefillMs: first.durationMs,
    tokenMs: others.map(({ durationMs }) => durationMs),
  };
}
