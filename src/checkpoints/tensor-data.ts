import { constants } from 'node:buffer';
import { QuernError } from '../errors.js';
import { type InputFile, withInputFile } from '../files/input-file.js';
import { quote } from '../files/quote.js';
import { absmaxKernel } from '../numerics/kernels/magnitudes.js';
import type { CheckpointTensor } from './checkpoint.js';
import { type ElementDecoder, elementDecoder, floatTypes } from './element-decoders.js';
import { gatherView } from './strided-view.js';

const chunkBytes = 4 * 1024 * 1024;

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

function readDecoded(file: InputFile, tensor: CheckpointTensor, decoder: ElementDecoder, values: Float32Array): void {
  const { elements, bytes } = decoder;
  const wholeChunk = Math.floor(chunkBytes / bytes) * bytes;
  const chunk = new ArrayBuffer(Math.min(wholeChunk, tensor.byteLength));
  for (let done = 0; done < tensor.byteLength; done += wholeChunk) {
    const length = Math.min(wholeChunk, tensor.byteLength - done);
    file.read(tensor.offset + done, new Uint8Array(chunk, 0, length));
    const first = (done / bytes) * elements;
    decoder.decode(chunk, values.subarray(first, first + (length / bytes) * elements));
  }
}

function readValues(file: InputFile, tensor: CheckpointTensor, decoder: ElementDecoder, values: Float32Array): void {
  if (tensor.dataType !== 'float32') readDecoded(file, tensor, decoder, values);
  else file.read(tensor.offset, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/**
 * The elements of a floating-point or block-quantized tensor as float32, in row-major order of its dimensions. Other
 * data types are a QuernError.
 */
export function readTensorFloat32(tensor: CheckpointTensor): Float32Array {
  const decoder = elementDecoder(tensor.dataType);
  if (decoder === undefined) {
    throw new QuernError('input', `${describe(tensor)} is ${tensor.dataType}, which can't be read as float32`, {
      suggestion: `use a checkpoint with weights in ${floatTypes.join(', ')}`,
    });
  }
  const length = (tensor.byteLength / decoder.bytes) * decoder.elements;
  const values = withTensorFile(tensor, length * 4, (file) => {
    const read = new Float32Array(length);
    readValues(file, tensor, decoder, read);
    return read;
  });
  return tensor.view === undefined ? values : gatherView(values, tensor.view);
}

/** Reads a tensor as `readTensorFloat32` does, into an array with as many elements as it has. */
export function readTensorFloat32Into(tensor: CheckpointTensor, target: Float32Array): void {
  const decoder = tensor.view === undefined ? elementDecoder(tensor.dataType) : undefined;
  if (decoder === undefined) target.set(readTensorFloat32(tensor));
  else withTensorFile(tensor, target.byteLength, (file) => readValues(file, tensor, decoder, target));
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
  if (Number.isFinite(absmaxKernel(values))) return -1;
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
