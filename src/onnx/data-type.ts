/**
 * Element types of ONNX tensors: their number in `TensorProto.DataType` (proto/onnx.proto) and how many bits an element
 * takes in raw data.
 */
const dataTypes = {
  float32: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  /** Strings have no fixed size and never stand in raw data. */
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  float64: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
  float8e8m0: { code: 24, bits: 8 },
  uint2: { code: 25, bits: 2 },
  int2: { code: 26, bits: 2 },
} as const;

/** Element type of a tensor. */
export type DataType = keyof typeof dataTypes;

const byCode: ReadonlyMap<number, DataType> = new Map(
  Object.entries(dataTypes).flatMap(([name, { code }]) => (isDataType(name) ? [[code, name] as const] : [])),
);

export function isDataType(name: string): name is DataType {
  return Object.hasOwn(dataTypes, name);
}

/** The number of a type in `TensorProto.DataType`. */
export function dataTypeCode(dataType: DataType): number {
  return dataTypes[dataType].code;
}

/** The type with a number of `TensorProto.DataType`, or `undefined` for numbers that name none. */
export function dataTypeOfCode(code: number): DataType | undefined {
  return byCode.get(code);
}

/** Bits of one element in raw data: 2 and 4 bit elements are packed, first element in the lowest bits. 0 for strings. */
export function elementBits(dataType: DataType): number {
  return dataTypes[dataType].bits;
}

/**
 * Number of elements of a shape: 1 for a scalar. `undefined` when a dimension is not a non-negative integer or the
 * product is too large to count exactly.
 */
export function elementCount(dims: readonly number[]): number | undefined {
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) return undefined;
  if (dims.includes(0)) return 0;
  const count = dims.reduce((product, dim) => product * dim, 1);
  return Number.isSafeInteger(count) ? count : undefined;
}

/** Bytes that raw data of a type and shape takes, rounded up to whole bytes. `undefined` as for `elementCount`. */
export function byteLengthOf(dataType: DataType, dims: readonly number[]): number | undefined {
  const count = elementCount(dims);
  if (count === undefined) return undefined;
  const bits = count * elementBits(dataType);
  return Number.isSafeInteger(bits) ? Math.ceil(bits / 8) : undefined;
}
