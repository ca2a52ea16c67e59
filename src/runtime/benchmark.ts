import { QuernError } from '../errors.js';
import { mean, median } from './averages.js';
import type { Decoder } from './decoder.js';
import { type Generation, generate } from './generate.js';

export interface BenchmarkOptions {
  readonly promptLengths: readonly number[];
  /** Tokens generated behind each prompt, at least 2. */
  readonly newTokens: number;
  readonly vocabularySize: number;
  /** Repeats that are not counted. */
  readonly warmup: number;
  readonly repeats: number;
  /** Called after each repeat, also those of the warm-up, which do not count. */
  readonly onRepeat?: (promptLength: number, generation: Generation, counts: boolean) => void;
}

/** Smallest and largest of the repeats. */
export type Spread = readonly [minimum: number, maximum: number];

/** Times of one prompt length: medians over the repeats. A type and not an interface, so that it is JSON. */
export type BenchmarkRow = {
  readonly promptLength: number;
  readonly newTokens: number;
  /** Time to the first new token. */
  readonly prefillMs: number;
  /** Mean time of the tokens after the first. */
  readonly msPerToken: number;
  readonly tokensPerSecond: number;
  readonly prefillMsSpread: Spread;
  readonly msPerTokenSpread: Spread;
  readonly tokensPerSecondSpread: Spread;
  /** Where the prompt had to be shorter than asked for. */
  readonly note?: string;
};

/** Measures a decoder on prompts of given lengths. */
export function benchmark(decoder: Decoder, options: BenchmarkOptions): readonly BenchmarkRow[] {
  return fitPrompts(options.promptLengths, options.newTokens, decoder.capacity).map((prompt) =>
    measure(decoder, prompt, options),
  );
}

export interface FittedPrompt {
  readonly promptLength: number;
  readonly note?: string;
}

/**
 * Prompt lengths that leave room for the new tokens; longer ones become the longest possible, once.
 * @throws QuernError (`stage`) if there is no room for a prompt
 */
export function fitPrompts(
  promptLengths: readonly number[],
  newTokens: number,
  capacity: number,
): readonly FittedPrompt[] {
  const longest = capacity - newTokens;
  if (longest < 1) {
    throw new QuernError('stage', `${newTokens} new tokens leave no room for a prompt in ${capacity} positions`, {
      suggestion: 'lower newTokens',
    });
  }
  const fitting = promptLengths.filter((length) => length <= longest).map((promptLength) => ({ promptLength }));
  const tooLong = promptLengths.filter((length) => length > longest);
  if (tooLong.length === 0 || fitting.some(({ promptLength }) => promptLength === longest)) return fitting;
  const note = `instead of ${tooLong.join(', ')}: the model has room for ${capacity} tokens`;
  return [...fitting, { promptLength: longest, note }];
}

/** Most tokens that a benchmark has in the cache of a model with so many positions. */
export function benchmarkCapacity(promptLengths: readonly number[], newTokens: number, positions: number): number {
  const fitted = fitPrompts(promptLengths, newTokens, positions);
  return Math.max(...fitted.map(({ promptLength }) => promptLength + newTokens));
}

/** Step through the vocabulary that makes prompts: prime, so that all tokens come before one is repeated. */
const tokenStep = 7919;

/** The same varied tokens for each measurement. */
export function benchmarkPrompt(length: number, vocabularySize: number): Int32Array {
  return Int32Array.from({ length }, (_, index) => (tokenStep * (index + 1)) % vocabularySize);
}

function measure(decoder: Decoder, prompt: FittedPrompt, options: BenchmarkOptions): BenchmarkRow {
  const { newTokens, vocabularySize, warmup, repeats, onRepeat } = options;
  const { promptLength } = prompt;
  const ids = benchmarkPrompt(promptLength, vocabularySize);
  const prefills: number[] = [];
  const tokens: number[] = [];
  for (let repeat = 0; repeat < warmup + repeats; repeat++) {
    const generation = generate(decoder, ids, {
      maxLength: promptLength + newTokens,
      endTokens: new Set(),
    });
    if (repeat >= warmup) {
      prefills.push(generation.prefillMs);
      tokens.push(mean(generation.tokenMs));
    }
    onRepeat?.(promptLength, generation, repeat >= warmup);
  }
  const msPerToken = median(tokens);
  const [fastest, slowest] = spread(tokens);
  return {
    ...prompt,
    newTokens,
    prefillMs: median(prefills),
    msPerToken,
    tokensPerSecond: 1000 / msPerToken,
    prefillMsSpread: spread(prefills),
    msPerTokenSpread: [fastest, slowest],
    tokensPerSecondSpread: [1000 / slowest, 1000 / fastest],
  };
}

function spread(values: readonly number[]): Spread {
  return [Math.min(...values), Math.max(...values)];
}
