import { constants } from 'node:buffer';
import { QuernError } from '../errors.js';
import { type InputFile, withInputFile } from '../files/input-file.js';
import { quote } from '../files/quote.js';
import { bfloat16ArrayToFloat32, float16ArrayToFloat32 } from '../numerics/half.js';
import { type CheckpointTensor, type DataType, elementBits } from './checkpoint.js';

const chunkBytes = 4 * 1024 * 1024;

type Widen = (source: ArrayBuffer, count: number, target: Float32Array) => void;

const widenings: { readonly [type in DataType]?: Widen } = {
  float16: (source, count, target) => float16ArrayToFloat32(new Uint16Array(source, 0, count), target),
  bfloat16: (source, count, target) => bfloat16ArrayToFloat32(new Uint16Array(source, 0, count), target),
  float64: (source, count, target) => target.set(new Float64Array(source, 0, count)),
};

function describe(tensor: CheckpointTensor): string {
  return `${tensor.path}: tensor ${quote(tensor.name)}`;
}

/**
 * Calls `use` if the file still is as long as it was when the tensor was found in it, and memory for `resultBytes` can
 * be had.
 */
function withTensorFile<T>(tensor: CheckpointTensor, resultBytes: number, use: (file: InputFile) => T): T {
  return withInputFile(tensor.path, (file) => {
    if (tensor.offset + tensor.byteLength > file.sizeBytes) {
      throw new QuernError('input', `${describe(tensor)} is no longer in the file, which has become shorter`, {
        suggestion: 'make sure that nothing writes to it and try again',
      });
    }
    if (resultBytes > constants.MAX_LENGTH) {
      const limit = `more than the ${constants.MAX_LENGTH} that this version of Node.js can hold in one array`;
      throw new QuernError('input', `${describe(tensor)} takes ${resultBytes} bytes, ${limit}`, {
        suggestion: 'use Node.js 22 or later',
      });
    }
    return use(file);
  });
}

/** The bytes of a tensor as they are in the file. */
export function readTensorBytes(tensor: CheckpointTensor): Uint8Array {
  return withTensorFile(tensor, tensor.byteLength, (file) => {
    const bytes = new Uint8Array(tensor.byteLength);
    file.read(tensor.offset, bytes);
    return bytes;
  });
}

function readWidened(file: InputFile, tensor: CheckpointTensor, widen: Widen): Float32Array {
  const elementBytes = elementBits[tensor.dataType] / 8;
  const values = new Float32Array(tensor.byteLength / elementBytes);
  const chunk = new ArrayBuffer(Math.min(chunkBytes, tensor.byteLength));
  for (let done = 0; done < tensor.byteLength; done += chunkBytes) {
    const length = Math.min(chunkBytes, tensor.byteLength - done);
    file.read(tensor.offset + done, new Uint8Array(chunk, 0, length));
    const count = length / elementBytes;
    const first = done / elementBytes;
    widen(chunk, count, values.subarray(first, first + count));
  }
  return values;
}

/** The elements of a float32, float16, bfloat16 or float64 tensor as float32. Other data types are a QuernError. */
export function readTensorFloat32(tensor: CheckpointTensor): Float32Array {
  const resultBytes = (tensor.byteLength / elementBits[tensor.dataType]) * 32;
  if (tensor.dataType === 'float32') {
    return withTensorFile(tensor, resultBytes, (file) => {
      const values = new Float32Array(tensor.byteLength / 4);
      file.read(tensor.offset, new Uint8Array(values.buffer));
      return values;
    });
  }
  const widen = widenings[tensor.dataType];
  if (widen === undefined) {
    throw new QuernError('input', `${describe(tensor)} is ${tensor.dataType}, which can't be read as float32`, {
      suggestion: 'use a checkpoint with float32, float16, bfloat16 or float64 weights',
    });
  }
  return withTensorFile(tensor, resultBytes, (file) => readWidened(file, tensor, widen));
}

function coordinates(index: number, dims: readonly number[]): number[] {
  let rest = index;
  return dims
    .toReversed()
    .map((dim) => {
      const coordinate = rest % dim;
      rest = Math.floor(rest / dim);
      return coordinate;
    })
    .reverse();
}

function firstNonFinite(values: Float32Array): number {
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index])) return index;
  }
  return -1;
}

/** Throws a QuernError that names the tensor and the first element that is NaN or infinite, if there is one. */
export function checkFinite(tensor: CheckpointTensor, values: Float32Array): void {
  const index = firstNonFinite(values);
  if (index < 0) return;
  const place = `[${coordinates(index, tensor.dims).join(', ')}]`;
  throw new QuernError('input', `${describe(tensor)} has ${values[index]} at ${place}`, {
    suggestion: 'a model with such weights computes nothing useful: download or convert it again',
  });
}
