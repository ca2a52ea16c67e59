import { type Decoder, greedyToken } from './decoder.js';
import type { GeneratedToken, StopReason } from './generate.js';

export interface AssistedOptions {
  /** Most tokens of prompt and answer together. More than the prompt has. */
  readonly maxLength: number;
  /** The tokens that end a text. */
  readonly endTokens: ReadonlySet<number>;
  /** A smaller model of the same vocabulary, which guesses what the decoder will say. */
  readonly draft: Decoder;
  /** Tokens that are guessed at a time, at least 1. */
  readonly draftTokens: number;
  /** Whether the decoder gives a token other logits in one pass with others: its tokens are then checked one by one. */
  readonly oneByOne: boolean;
  /** Told of each pass that checked guesses. */
  readonly onGuesses?: (proposed: number, accepted: number) => void;
}

/**
 * Continues a prompt with the tokens of greedy decoding, several of them in one pass where the draft has guessed them
 * (speculative decoding: Leviathan et al. 2023, for the most probable token). Both decoders are reset first.
 */
export function* generateAssisted(
  decoder: Decoder,
  promptIds: ArrayLike<number>,
  options: AssistedOptions,
): Generator<GeneratedToken, StopReason, undefined> {
  const { maxLength, endTokens, draft, draftTokens, oneByOne, onGuesses } = options;
  const wanted = maxLength - promptIds.length;
  if (wanted < 1) throw new Error(`a prompt of ${promptIds.length} tokens leaves nothing of ${maxLength} to generate`);
  decoder.reset();
  draft.reset();
  decoder.prepare(promptIds.length);
  const ids = Array.from(promptIds);
  let start = performance.now();
  const first = greedyToken(decoder.forward(promptIds));
  ids.push(first);
  yield { id: first, durationMs: performance.now() - start };
  if (endTokens.has(first)) return 'end';
  while (ids.length < maxLength) {
    start = performance.now();
    const room = Math.min(draftTokens, maxLength - ids.length - 1, draft.capacity - ids.length);
    const guesses = propose(draft, ids, room);
    const checked = [...check(decoder, ids.at(-1)!, guesses, oneByOne)];
    const end = checked.findIndex((id) => endTokens.has(id));
    const found = end < 0 ? checked : checked.slice(0, end + 1);
    ids.push(...found);
    decoder.truncate(ids.length - 1);
    draft.truncate(Math.min(draft.pastLength, ids.length - 1));
    if (guesses.length > 0) onGuesses?.(guesses.length, checked.length - 1);
    const durationMs = (performance.now() - start) / found.length;
    for (const id of found) yield { id, durationMs };
    if (end >= 0) return 'end';
  }
  return 'length';
}

/** What the draft would go on with, after it has read what it has not yet. */
function propose(draft: Decoder, ids: readonly number[], count: number): readonly number[] {
  const guesses: number[] = [];
  let unread = ids.slice(draft.pastLength);
  while (guesses.length < count) {
    const guess = greedyToken(draft.forward(unread));
    guesses.push(guess);
    unread = [guess];
  }
  return guesses;
}

/**
 * The tokens of the decoder behind `latest`, up to the first that is not the guess: one more than there were right guesses.
 * The decoder has then read at least `latest` and the right guesses.
 */
function* check(
  decoder: Decoder,
  latest: number,
  guesses: readonly number[],
  oneByOne: boolean,
): Generator<number, void, undefined> {
  const inputs = [latest, ...guesses];
  for (let place = 0; place < inputs.length; place++) {
    const rest = oneByOne ? [inputs[place]!] : inputs.slice(place);
    const base = decoder.pastLength;
    const logits = decoder.forwardAll(rest);
    const sure = sureTokens(logits, rest.length);
    for (const id of sure) {
      yield id;
      if (id !== guesses[place]) return;
      place++;
    }
    if (sure.length === rest.length) {
      place--;
      continue;
    }
    // A near tie may go the other way in a pass of one token, which is what plain decoding is.
    decoder.truncate(base + sure.length);
    const id = greedyToken(decoder.forward([inputs[place]!]));
    yield id;
    if (id !== guesses[place]) return;
  }
}

/** Largest difference of logits between passes of one and of several tokens, as a share of the largest logit. */
const tieTolerance = 1e-4;

/** The most probable token of each row, up to the first row in which it is nearly equalled. A single row is what it is. */
function sureTokens(logits: Float32Array, rows: number): readonly number[] {
  const vocabulary = logits.length / rows;
  const tokens: number[] = [];
  for (let row = 0; row < rows; row++) {
    const values = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    const best = greedyToken(values);
    if (rows > 1 && isNearTie(values, best)) break;
    tokens.push(best);
  }
  return tokens;
}

function isNearTie(values: Float32Array, best: number): boolean {
  let largest = 0;
  let second = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < values.length; token++) {
    const value = values[token]!;
    largest = Math.max(largest, Math.abs(value));
    if (token !== best && value > second) second = value;
  }
  return values[best]! - second <= tieTolerance * largest;
}

/** How often a draft was right. A type and not an interface, so that it is JSON. */
export type GuessSummary = {
  readonly proposed: number;
  readonly accepted: number;
  /** accepted / proposed, 0 without guesses. */
  readonly acceptance: number;
};

/** Counts the guesses of a draft. */
export class GuessCount {
  #proposed = 0;
  #accepted = 0;

  readonly add = (proposed: number, accepted: number): void => {
    this.#proposed += proposed;
    this.#accepted += accepted;
  };

  get summary(): GuessSummary {
    const [proposed, accepted] = [this.#proposed, this.#accepted];
    return { proposed, accepted, acceptance: proposed === 0 ? 0 : accepted / proposed };
  }
}
