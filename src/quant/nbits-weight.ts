/** Weights that share a scale: neighbours along the input features (K) of one output feature. */
export type NBitsBlock = 16 | 32 | 64 | 128 | 256;

/** Every block size that ONNX Runtime's MatMulNBits takes. */
export const nbitsBlocks = [16, 32, 64, 128, 256] as const satisfies readonly NBitsBlock[];

/** Bits that a code takes. */
export type NBits = 2 | 4 | 8;

/** The zero point of a weight without zero points, the middle of the codes. */
export function nbitsDefaultZeroPoint(bits: NBits): number {
  return 2 ** (bits - 1);
}

export function nbitsLargestCode(bits: NBits): number {
  return 2 ** bits - 1;
}

/**
 * A weight in the layout of ONNX Runtime's MatMulNBits operator:
 * `weight[k, n] = (code[n, k] - zeroPoint[n, k / block]) * scale[n, k / block]`, codes 0..2^bits - 1.
 */
export interface NBitsWeight {
  /** K, the input features. */
  readonly rows: number;
  /** N, the output features. */
  readonly columns: number;
  readonly bits: NBits;
  readonly block: NBitsBlock;
  /** [N, ceil(K / block), block * bits / 8], the code of the first row of a byte in its lowest bits. */
  readonly codes: Uint8Array;
  /** [N, ceil(K / block)]. May be negative. */
  readonly scales: Float32Array;
  /** [N, ceil(blocks * bits / 8)], that of the first block of a byte in its lowest bits. Absent: all are the default. */
  readonly zeroPoints?: Uint8Array;
}

/** Bytes of codes, scales and zero points. */
export function nbitsByteLength({ codes, scales, zeroPoints }: NBitsWeight): number {
  return codes.byteLength + scales.byteLength + (zeroPoints?.byteLength ?? 0);
}

/** How many blocks a column of a weight with this many rows has. The last one may be incomplete. */
export function nbitsBlockCount(rows: number, block: NBitsBlock): number {
  return Math.ceil(rows / block);
}

/** Bytes of the codes of a column. */
export function nbitsColumnBytes(rows: number, block: NBitsBlock, bits: NBits): number {
  return (nbitsBlockCount(rows, block) * block * bits) / 8;
}
