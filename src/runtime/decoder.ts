/** A decoder with a cache: each call goes on where the one before ended. */
export interface Decoder {
  /** Tokens it has read since it was opened or reset. */
  readonly pastLength: number;
  /** Most tokens it can read before it is reset. */
  readonly capacity: number;
  /** Reads tokens and returns the logits behind the last one: float32 [vocabulary], valid until the next call. */
  forward(ids: ArrayLike<number>): Float32Array;
  /** Reads tokens and returns the logits behind each: float32 [tokens, vocabulary], valid until the next call. */
  forwardAll(ids: ArrayLike<number>): Float32Array;
  /** Does ahead what the first call with `rows` tokens would do besides its work. Only before any token is read. */
  prepare(rows: number): void;
  /** Forgets all but the first `length` tokens it has read. */
  truncate(length: number): void;
  /** Forgets what it has read. */
  reset(): void;
  close(): void;
}

/** The token of the largest logit, the first of equals. */
export function greedyToken(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if (logits[token]! > logits[best]!) best = token;
  }
  return best;
}

/** A decoder can only forget: throws where `length` is no number of tokens it has read. */
export function checkTruncation(length: number, pastLength: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= pastLength) return;
  throw new Error(`${pastLength} tokens can't be cut to ${length}`);
}
