import { constants } from 'node:buffer';
import { QuernError } from '../errors.js';
import { type InputFile, withInputFile } from '../files/input-file.js';
import { quote } from '../files/quote.js';
import type { FloatType } from '../numerics/kernels/float-rows.js';
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

function decodeRange(
  file: InputFile,
  offset: number,
  byteLength: number,
  { elements, bytes, decode }: ElementDecoder,
  values: Float32Array,
): void {
  const wholeChunk = Math.floor(chunkBytes / bytes) * bytes;
  const chunk = new ArrayBuffer(Math.min(wholeChunk, byteLength));
  for (let done = 0; done < byteLength; done += wholeChunk) {
    const length = Math.min(wholeChunk, byteLength - done);
    file.read(offset + done, new Uint8Array(chunk, 0, length));
    const first = (done / bytes) * elements;
    decode(chunk, values.subarray(first, first + (length / bytes) * elements));
  }
}

function readValues(file: InputFile, tensor: CheckpointTensor, decoder: ElementDecoder, values: Float32Array): void {
  if (tensor.dataType !== 'float32') decodeRange(file, tensor.offset, tensor.byteLength, decoder, values);
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

/** Reads ranges of the elements of a tensor: as they are in the file, or as float32 where they are of another type. */
export interface ElementReader {
  readonly type: FloatType;
  /** Fills `target` with elements from `first` on. They begin and end where blocks of a quantized type do. */
  read(first: number, target: Uint8Array): void;
}

/** Keeps a tensor open for the time of `use`. A view of one is read at once, anything else when it is asked for. */
export function withElementReader<T>(tensor: CheckpointTensor, use: (reader: ElementReader) => T): T {
  const { dataType, offset, view } = tensor;
  const decoder = elementDecoder(dataType);
  if (view !== undefined || decoder === undefined) return use(readerOf(readTensorFloat32(tensor)));
  return withTensorFile(tensor, 0, (file) => {
    if (dataType === 'float32' || dataType === 'float16' || dataType === 'bfloat16') {
      const { bytes } = decoder;
      return use({ type: dataType, read: (first, target) => file.read(offset + first * bytes, target) });
    }
    return use({ type: 'float32', read: (first, target) => readElements(file, tensor, decoder, first, target) });
  });
}

function readerOf(values: Float32Array): ElementReader {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return {
    type: 'float32',
    read: (first, target) => target.set(bytes.subarray(first * 4, first * 4 + target.length)),
  };
}

function readElements(
  file: InputFile,
  { offset }: CheckpointTensor,
  decoder: ElementDecoder,
  first: number,
  target: Uint8Array,
): void {
  const byteLength = (target.length / 4 / decoder.elements) * decoder.bytes;
  const from = offset + (first / decoder.elements) * decoder.bytes;
  decodeRange(file, from, byteLength, decoder, new Float32Array(target.buffer, target.byteOffset, target.length / 4));
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
