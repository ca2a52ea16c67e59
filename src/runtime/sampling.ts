import { mulberry32 } from '../numerics/random.js';
import { greedyToken } from './decoder.js';

/** How the next token is drawn. Without `temperature`, or with 0, it is the most probable one. */
export interface Sampling {
  /** What logits are divided by. */
  readonly temperature?: number;
  /** Only so many of the most probable tokens are drawn from. */
  readonly topK?: number;
  /** Only the most probable tokens that have this much probability together are drawn from: above 0, at most 1. */
  readonly topP?: number;
  readonly seed?: number;
}

/** Chooses a token by its logits: float32 [vocabulary]. */
export type TokenChoice = (logits: Float32Array) => number;

export function isGreedy({ temperature = 0 }: Sampling): boolean {
  return temperature === 0;
}

/**
 * Temperature, then `topK`, then `topP`, as transformers orders them. Of equal logits the first token counts as more
 * probable. Sums are in one order and the generator is our own, so that the same logits give the same tokens everywhere.
 */
export function tokenChoice(sampling: Sampling): TokenChoice {
  const { temperature = 0, topK, topP = 1, seed = 0 } = sampling;
  if (isGreedy(sampling)) return greedyToken;
  const random = mulberry32(seed);
  return (logits) => {
    const kept = topK === undefined || topK >= logits.length ? allTokens(logits) : largest(logits, topK);
    const weights = exponentials(logits, kept, temperature);
    const nucleus = topP < 1 ? mostProbable(logits, kept, weights, topP) : { tokens: kept, weights };
    return draw(nucleus, random());
  };
}

interface Candidates {
  readonly tokens: ArrayLike<number>;
  /** In proportion to the probabilities of `tokens`. */
  readonly weights: Float64Array;
}

function allTokens(logits: Float32Array): Int32Array {
  return Int32Array.from(logits.keys());
}

/** exp((logit - largest) / temperature) of tokens. */
function exponentials(logits: Float32Array, tokens: ArrayLike<number>, temperature: number): Float64Array {
  const peak = logits[greedyToken(logits)]!;
  return Float64Array.from(tokens, (token) => Math.exp((logits[token]! - peak) / temperature));
}

/** The fewest of the tokens, most probable first, that have a share of `topP` of all weights. */
function mostProbable(
  logits: Float32Array,
  tokens: ArrayLike<number>,
  weights: Float64Array,
  topP: number,
): Candidates {
  const total = sum(weights);
  // Those below this have less than 1 - topP together, so none of them is needed.
  const needed = ((1 - topP) * total) / weights.length;
  const places = Array.from(weights.keys()).filter((place) => weights[place]! >= needed);
  places.sort((a, b) => logits[tokens[b]!]! - logits[tokens[a]!]! || tokens[a]! - tokens[b]!);
  let share = 0;
  let count = 0;
  while (count < places.length && share < topP * total) share += weights[places[count++]!]!;
  const chosen = places.slice(0, Math.max(1, count));
  return {
    tokens: chosen.map((place) => tokens[place]!),
    weights: Float64Array.from(chosen, (place) => weights[place]!),
  };
}

/** The token in whose part of all weights, laid end to end, `fraction` of the way falls. */
function draw({ tokens, weights }: Candidates, fraction: number): number {
  let rest = fraction * sum(weights);
  let last = 0;
  for (const [place, weight] of weights.entries()) {
    if (weight === 0) continue;
    last = place;
    rest -= weight;
    if (rest < 0) break;
  }
  return tokens[last]!;
}

function sum(weights: Float64Array): number {
  return weights.reduce((total, weight) => total + weight, 0);
}

/** The `count` tokens of the largest logits, in order of their ids. A heap of those found so far, the least on top. */
function largest(logits: Float32Array, count: number): Int32Array {
  const isLess = (a: number, b: number): boolean => {
    return logits[a]! < logits[b]! || (logits[a]! === logits[b]! && a > b);
  };
  const heap = Int32Array.from({ length: count }, (_, token) => token);
  const sink = (start: number): void => {
    for (let parent = start; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < count && isLess(heap[child]!, heap[least]!)) least = child;
      }
      if (least === parent) return;
      [heap[parent], heap[least]] = [heap[least]!, heap[parent]!];
      parent = least;
    }
  };
  for (let parent = (count >> 1) - 1; parent >= 0; parent--) sink(parent);
  for (let token = count; token < logits.length; token++) {
    if (!isLess(heap[0]!, token)) continue;
    heap[0] = token;
    sink(0);
  }
  return heap.sort();
}
