/** Bits an element of each data type takes. */
export const elementBits = {
  float64: 64,
  float32: 32,
  float16: 16,
  bfloat16: 16,
  float8_e4m3: 8,
  float8_e4m3fnuz: 8,
  float8_e5m2: 8,
  float8_e5m2fnuz: 8,
  float8_e8m0: 8,
  float6_e2m3: 6,
  float6_e3m2: 6,
  float4: 4,
  complex64: 64,
  int64: 64,
  int32: 32,
  int16: 16,
  int8: 8,
  uint64: 64,
  uint32: 32,
  uint16: 16,
  uint8: 8,
  bool: 8,
} as const;

export type DataType = keyof typeof elementBits;

/** Where a tensor of a checkpoint is. Its elements are little-endian and in row-major order. */
export interface CheckpointTensor {
  readonly name: string;
  readonly dataType: DataType;
  /** Empty for a scalar. */
  readonly dims: readonly number[];
  /** The file that holds it. */
  readonly path: string;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** The tensors of a model, described but not read. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** How many bytes a tensor takes, or `undefined` if that is not a whole number of bytes that can be counted exactly. */
export function tensorByteLength(dataType: DataType, dims: readonly number[]): number | undefined {
  let bits: number = elementBits[dataType];
  for (const dim of dims) {
    bits *= dim;
    if (!Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}
