/**
 * A weight as signed 8-bit codes with zero point 0: `weight[k, n] = codes[k, n] * scale`.
 * Dimensions and order are those of the weight, [K, N] row-major.
 */
export interface Int8Weight {
  readonly codes: Int8Array;
  readonly rows: number;
  readonly columns: number;
  readonly granularity: Int8Granularity;
  /** One scale for granularity `tensor`, one per column for `channel`. */
  readonly scales: Float32Array;
}

/** What shares a scale: the whole weight, or the weights of one output feature (a column). */
export type Int8Granularity = 'tensor' | 'channel';
