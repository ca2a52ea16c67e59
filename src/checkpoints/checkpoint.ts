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

/** The quantized types of GGUF: how many neighbouring elements make a block, and the bytes it takes. */
export const blockSizes = {
  q4_0: { elements: 32, bytes: 18 },
  q4_1: { elements: 32, bytes: 20 },
  q5_0: { elements: 32, bytes: 22 },
  q5_1: { elements: 32, bytes: 24 },
  q8_0: { elements: 32, bytes: 34 },
  q4_k: { elements: 256, bytes: 144 },
  q5_k: { elements: 256, bytes: 176 },
  q6_k: { elements: 256, bytes: 210 },
} as const;

export type BlockType = keyof typeof blockSizes;

export function isBlockType(type: DataType | BlockType): type is BlockType {
  return Object.hasOwn(blockSizes, type);
}

/**
 * A tensor within a range of elements that are in another order: walked through in row-major order of `dims`, the
 * elements lie `strides` apart, from the first one of the range on. `dims` have as many elements as the tensor but may
 * group them otherwise.
 */
export interface StridedView {
  readonly dims: readonly number[];
  /** In elements, one for each of `dims`, none negative. */
  readonly strides: readonly number[];
}

/** Where a tensor of a checkpoint is. Its elements are little-endian and, without a `view`, in row-major order. */
export interface CheckpointTensor {
  readonly name: string;
  readonly dataType: DataType | BlockType;
  /** Empty for a scalar. */
  readonly dims: readonly number[];
  /** The file that holds it. */
  readonly path: string;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
  readonly view?: StridedView;
}

/** The tensors of a model, described but not read. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** The number of elements of a shape, or `undefined` if it can't be counted exactly. */
export function elementCount(dims: readonly number[]): number | undefined {
  let count = 1;
  for (const dim of dims) {
    count *= dim;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/**
 * How many bytes a tensor takes, or `undefined` if that is not a whole number of bytes or blocks that can be counted
 * exactly. Blocks don't go across rows.
 */
export function tensorByteLength(dataType: DataType | BlockType, dims: readonly number[]): number | undefined {
  const count = elementCount(dims);
  if (count === undefined) return undefined;
  if (isBlockType(dataType)) {
    const { elements, bytes } = blockSizes[dataType];
    return (dims.at(-1) ?? 1) % elements === 0 ? wholeNumber((count / elements) * bytes) : undefined;
  }
  return wholeNumber((count * elementBits[dataType]) / 8);
}

function wholeNumber(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
