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
