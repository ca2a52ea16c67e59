/** Weights that share a scale: neighbours along the input features (K) of one output feature. */
export type NBitsBlock = 16 | 32 | 64 | 128 | 256;

/** Every block size that ONNX Runtime's MatMulNBits takes. */
export const nbitsBlocks = [16, 32, 64, 128, 256] as const satisfies readonly NBitsBlock[];

/** The zero point of a weight without zero points, the middle of the codes 0..15. */
export const nbitsDefaultZeroPoint = 8;

/**
 * A weight in the layout of ONNX Runtime's MatMulNBits operator with 4 bits:
 * `weight[k, n] = (code[n, k] - zeroPoint[n, k / block]) * scale[n, k / block]`, codes 0..15.
 */
export interface NBitsWeight {
  /** K, the input features. */
  readonly rows: number;
  /** N, the output features. */
  readonly columns: number;
  readonly block: NBitsBlock;
  /** [N, ceil(K / block), block / 2], two codes a byte, that of the even row in the low half. */
  readonly codes: Uint8Array;
  /** [N, ceil(K / block)]. May be negative. */
  readonly scales: Float32Array;
  /** [N, ceil(blocks / 2)], two a byte, that of the even block in the low half. Absent from a symmetric weight. */
  readonly zeroPoints?: Uint8Array;
}

/** How many blocks a column of a weight with this many rows has. The last one may be incomplete. */
export function nbitsBlockCount(rows: number, block: NBitsBlock): number {
  return Math.ceil(rows / block);
}
