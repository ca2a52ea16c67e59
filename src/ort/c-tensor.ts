import { QuernError } from '../errors.js';
import type { Environment } from './c-environment.js';
import type { CApi, Pointer } from './c-functions.js';
import { check, create, read } from './c-status.js';
import {
  codeOfDataType,
  dataTypeOfCode,
  nameOfCode,
  type TensorData,
  tensorOver,
  tensorSizeBytes,
} from './tensor-data.js';

/** An `OrtTensorTypeAndShapeInfo`, read. */
export interface TensorShape {
  /** ONNX element type code. */
  readonly code: number;
  /** -1 for a symbolic dimension. */
  readonly dims: readonly number[];
}

const action = "a tensor can't be read";

/** A 64-bit array whose memory does not move, unlike that of a small typed array without a buffer of its own. */
function int64Array(length: number): BigInt64Array {
  return new BigInt64Array(new ArrayBuffer(length * 8));
}

/** Reads the element type and dimensions of a tensor. */
export function readShape(api: CApi, tensorInfo: Pointer): TensorShape {
  const { functions } = api;
  const code = read(api, action, (out) => functions.GetTensorElementType(tensorInfo, out));
  const rank = read(api, action, (out) => functions.GetDimensionsCount(tensorInfo, out));
  const dims = int64Array(rank);
  check(api, action, functions.GetDimensions(tensorInfo, dims, rank));
  return { code, dims: Array.from(dims, Number) };
}

/** Names of symbolic dimensions, empty for those without one. */
export function readDimensionNames(api: CApi, tensorInfo: Pointer, rank: number): string[] {
  const names = new BigUint64Array(new ArrayBuffer(rank * 8));
  check(api, action, api.functions.GetSymbolicDimensions(tensorInfo, names, rank));
  return Array.from(names, (address) => (address === 0n ? '' : api.readString(address)));
}

/** An `OrtValue` over the memory of a tensor, which is kept from being collected by being referenced here. */
export interface OwnedValue {
  readonly pointer: Pointer;
  readonly tensor: TensorData;
}

/** Makes an `OrtValue` over the memory of a tensor, to be released by the caller. */
export function createValue(api: CApi, environment: Environment, tensor: TensorData): OwnedValue {
  const { data } = tensor;
  const dims = int64Array(tensor.dims.length);
  tensor.dims.forEach((size, axis) => {
    dims[axis] = BigInt(size);
  });
  const pointer = create(api, "a tensor can't be made", (out) =>
    api.functions.CreateTensorWithDataAsOrtValue(
      environment.memoryInfo,
      api.addressOf(data.buffer) + BigInt(data.byteOffset),
      data.byteLength,
      dims,
      dims.length,
      codeOfDataType(tensor.dataType),
      out,
    ),
  );
  return { pointer, tensor };
}

/** Copies an `OrtValue` into memory of JavaScript's. */
export function copyValue(api: CApi, name: string, value: Pointer): TensorData {
  const { functions } = api;
  const tensorInfo = create(api, action, (out) => functions.GetTensorTypeAndShape(value, out));
  try {
    const { code, dims } = readShape(api, tensorInfo);
    const dataType = dataTypeOfCode(code);
    if (dataType === undefined) {
      throw new QuernError('engine', `output ${name} has elements of ${nameOfCode(code)}, which is not supported`);
    }
    const sizeBytes = tensorSizeBytes(dataType, dims);
    if (sizeBytes === 0) return tensorOver(dataType, dims, new ArrayBuffer(0));
    const address = create(api, action, (out) => functions.GetTensorMutableData(value, out));
    const { buffer, byteOffset } = api.copyBytes(address, sizeBytes);
    return tensorOver(dataType, dims, buffer, byteOffset);
  } finally {
    functions.ReleaseTensorTypeAndShapeInfo(tensorInfo);
  }
}
