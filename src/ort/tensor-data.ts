/** The typed array that holds the elements of each data type. Half precision types are held as their 16 bits, bool as 0 or 1. */
export interface ElementArrays {
  float32: Float32Array;
  uint8: Uint8Array;
  int8: Int8Array;
  uint16: Uint16Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
  float16: Uint16Array;
  float64: Float64Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  bfloat16: Uint16Array;
}

export type DataType = keyof ElementArrays;
export type TypedArray = ElementArrays[DataType];

/** A dense tensor in row-major order. `data` has exactly as many elements as `dims` says. */
export interface TensorData<T extends DataType = DataType> {
  readonly dataType: T;
  readonly dims: readonly number[];
  readonly data: ElementArrays[T];
}

interface ElementType<T extends DataType> {
  /** `TensorProto.DataType` of the ONNX format, also ONNX Runtime's `ONNXTensorElementDataType`. */
  readonly code: number;
  readonly sizeBytes: number;
  readonly view: (buffer: ArrayBufferLike, byteOffset: number, length: number) => ElementArrays[T];
  readonly holds: (data: TypedArray) => boolean;
}

interface ArrayConstructor<A extends TypedArray> {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
  readonly BYTES_PER_ELEMENT: number;
}

function elementType<T extends DataType>(code: number, arrayType: ArrayConstructor<ElementArrays[T]>): ElementType<T> {
  return {
    code,
    sizeBytes: arrayType.BYTES_PER_ELEMENT,
    view: (buffer, byteOffset, length) => new arrayType(buffer, byteOffset, length),
    holds: (data) => data instanceof arrayType,
  };
}

const elementTypes: { readonly [T in DataType]: ElementType<T> } = {
  float32: elementType(1, Float32Array),
  uint8: elementType(2, Uint8Array),
  int8: elementType(3, Int8Array),
  uint16: elementType(4, Uint16Array),
  int16: elementType(5, Int16Array),
  int32: elementType(6, Int32Array),
  int64: elementType(7, BigInt64Array),
  bool: elementType(9, Uint8Array),
  float16: elementType(10, Uint16Array),
  float64: elementType(11, Float64Array),
  uint32: elementType(12, Uint32Array),
  uint64: elementType(13, BigUint64Array),
  bfloat16: elementType(16, Uint16Array),
};

/** Names of the ONNX element types that a `TensorData` can't hold, for messages. */
const unsupportedTypes: { readonly [code: number]: string } = {
  8: 'string',
  14: 'complex64',
  15: 'complex128',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  21: 'uint4',
  22: 'int4',
  23: 'float4e2m1',
};

function isDataType(name: string): name is DataType {
  return Object.hasOwn(elementTypes, name);
}

const dataTypesByCode = new Map(
  Object.keys(elementTypes)
    .filter(isDataType)
    .map((dataType) => [elementTypes[dataType].code, dataType]),
);

/** The data type with an ONNX element type code, or `undefined` when tensors of it can't be passed to or from a session. */
export function dataTypeOfCode(code: number): DataType | undefined {
  return dataTypesByCode.get(code);
}

/** The data type with a name, or `undefined` when there is none. */
export function dataTypeOfName(name: string): DataType | undefined {
  return isDataType(name) ? name : undefined;
}

/** ONNX element type code of a data type. */
export function codeOfDataType(dataType: DataType): number {
  return elementTypes[dataType].code;
}

/** A name to show for any ONNX element type code. */
export function nameOfCode(code: number): string {
  return dataTypesByCode.get(code) ?? unsupportedTypes[code] ?? `element type ${code}`;
}

/** How many elements a tensor of these dimensions has. Throws on a dimension that is not a natural number. */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  for (const size of dims) {
    if (!Number.isSafeInteger(size) || size < 0) throw new Error(`[${dims.join(', ')}] are not tensor dimensions`);
    count *= size;
  }
  return count;
}

/** Bytes that a tensor of this type and these dimensions takes. */
export function tensorSizeBytes(dataType: DataType, dims: readonly number[]): number {
  return elementCount(dims) * elementTypes[dataType].sizeBytes;
}

/**
 * A tensor over existing memory, starting at a byte offset. The memory is shared, not copied. Throws when the memory is
 * too small.
 */
export function tensorOver<T extends DataType>(
  dataType: T,
  dims: readonly number[],
  buffer: ArrayBufferLike,
  byteOffset = 0,
): TensorData<T> {
  return { dataType, dims, data: elementTypes[dataType].view(buffer, byteOffset, elementCount(dims)) };
}

/** Some of the rows of a tensor [1, rows, ...], sharing its memory. */
export function rowsOf<T extends DataType>(tensor: TensorData<T>, first: number, count: number): TensorData<T> {
  const { dataType, dims, data } = tensor;
  const [, rows = 0, ...others] = dims;
  const rowBytes = rows === 0 ? 0 : data.byteLength / rows;
  return tensorOver(dataType, [1, count, ...others], data.buffer, data.byteOffset + first * rowBytes);
}

/** A new tensor of zeros. */
export function zeros<T extends DataType>(dataType: T, dims: readonly number[]): TensorData<T> {
  return tensorOver(dataType, dims, new ArrayBuffer(tensorSizeBytes(dataType, dims)));
}

/** Narrows a tensor to one data type. */
export function isTensorOf<T extends DataType>(tensor: TensorData, dataType: T): tensor is TensorData<T> {
  return tensor.dataType === dataType;
}

/** Throws unless `data` is the typed array of `dataType` and as long as `dims` says. `name` is used in the message. */
export function checkTensor(name: string, tensor: TensorData): void {
  const { dataType, dims, data } = tensor;
  if (!elementTypes[dataType].holds(data)) {
    throw new Error(`${name}: a ${data.constructor.name} does not hold ${dataType} elements`);
  }
  if (data.length !== elementCount(dims)) {
    throw new Error(`${name}: ${data.length} elements for dimensions [${dims.join(', ')}]`);
  }
}

/** The bytes of a tensor, sharing its memory. */
export function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
