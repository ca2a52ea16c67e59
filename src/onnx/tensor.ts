import { constants } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { QuernError } from '../errors.js';
import { byteLengthOf, type DataType, elementCount } from './data-type.js';

/** One read of Node.js can't be larger than 2 GiB. */
const largestReadBytes = 2 ** 30;

/** A constant of a model. Its elements may be in memory or read when asked for. */
export interface Tensor {
  readonly dataType: DataType;
  /** Empty for a scalar. */
  readonly dims: readonly number[];
  /** Length of `bytes()`. */
  readonly byteLength: number;
  /** Elements in row-major order, little endian; 4 and 2 bit elements packed, first element in the lowest bits. */
  bytes(): Uint8Array;
}

/** A tensor whose elements are in memory. */
export class MemoryTensor implements Tensor {
  readonly byteLength: number;
  readonly #data: Uint8Array;

  /** `data` is kept, not copied. */
  constructor(
    readonly dataType: DataType,
    readonly dims: readonly number[],
    data: Uint8Array,
  ) {
    this.byteLength = requiredByteLength(dataType, dims);
    if (data.byteLength !== this.byteLength) {
      throw new Error(
        `a ${dataType} tensor of shape [${dims.join(', ')}] has ${this.byteLength} bytes, not ${data.byteLength}`,
      );
    }
    this.#data = data;
  }

  bytes(): Uint8Array {
    return this.#data;
  }
}

/** A tensor that is computed each time its bytes are asked for. */
export class LazyTensor implements Tensor {
  readonly byteLength: number;
  readonly #load: () => Uint8Array;

  constructor(
    readonly dataType: DataType,
    readonly dims: readonly number[],
    load: () => Uint8Array,
  ) {
    this.byteLength = requiredByteLength(dataType, dims);
    this.#load = load;
  }

  bytes(): Uint8Array {
    return new MemoryTensor(this.dataType, this.dims, this.#load()).bytes();
  }
}

/** A tensor that is computed piece by piece each time it is asked for. */
export class StreamedTensor implements Tensor {
  readonly byteLength: number;
  readonly #pieces: () => Iterable<Uint8Array>;

  /** `pieces` gives the bytes in order. Each piece may be gone when the next one is asked for. */
  constructor(
    readonly dataType: DataType,
    readonly dims: readonly number[],
    pieces: () => Iterable<Uint8Array>,
  ) {
    this.byteLength = requiredByteLength(dataType, dims);
    this.#pieces = pieces;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    let end = 0;
    for (const piece of this.chunks()) {
      bytes.set(piece, end);
      end += piece.byteLength;
    }
    return bytes;
  }

  /** The bytes in order. Each piece is gone when the next one is asked for. */
  *chunks(): Generator<Uint8Array> {
    let end = 0;
    for (const piece of this.#pieces()) {
      end += piece.byteLength;
      if (end > this.byteLength) break;
      yield piece;
    }
    if (end !== this.byteLength) {
      throw new Error(
        `a ${this.dataType} tensor of shape [${this.dims.join(', ')}] was computed as ${end} bytes or more`,
      );
    }
  }
}

/** A tensor that is a range of a file. Reading it throws a `QuernError` when the file is missing or too short. */
export class FileTensor implements Tensor {
  readonly byteLength: number;

  constructor(
    readonly dataType: DataType,
    readonly dims: readonly number[],
    readonly path: string,
    /** First byte of the tensor in the file. */
    readonly offset: number,
  ) {
    this.byteLength = requiredByteLength(dataType, dims);
  }

  /** Reads the file each time. */
  bytes(): Uint8Array {
    if (this.byteLength > constants.MAX_LENGTH) {
      throw new QuernError('input', `${this.path}: a tensor of ${this.byteLength} bytes can't be held in memory`);
    }
    const bytes = new Uint8Array(this.byteLength);
    this.readInto(bytes);
    return bytes;
  }

  /** Reads the file into memory of the tensor's length. */
  readInto(bytes: Uint8Array): void {
    const file = this.#open();
    try {
      for (let done = 0; done < bytes.byteLength; ) done += this.#read(file, bytes.subarray(done), done);
    } finally {
      closeSync(file);
    }
  }

  /** The bytes in order, in pieces of at most `chunkBytes`. Each piece is gone when the next one is asked for. */
  *chunks(chunkBytes: number): Generator<Uint8Array> {
    const file = this.#open();
    try {
      const chunk = new Uint8Array(Math.min(chunkBytes, this.byteLength));
      for (let done = 0; done < this.byteLength; ) {
        const count = this.#read(file, chunk.subarray(0, this.byteLength - done), done);
        yield chunk.subarray(0, count);
        done += count;
      }
    } finally {
      closeSync(file);
    }
  }

  #open(): number {
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch (error) {
      throw new QuernError('input', `${this.path}: the tensor data can't be opened`, { cause: error });
    }
    const sizeBytes = fstatSync(file).size;
    if (this.offset + this.byteLength <= sizeBytes) return file;
    closeSync(file);
    throw this.#tooShort(sizeBytes);
  }

  /** Reads at least one byte from place `position` of the tensor. */
  #read(file: number, target: Uint8Array, position: number): number {
    const length = Math.min(target.byteLength, largestReadBytes);
    const count = readSync(file, target, 0, length, this.offset + position);
    if (count === 0) throw this.#tooShort(this.offset + position);
    return count;
  }

  #tooShort(sizeBytes: number): QuernError {
    const end = this.offset + this.byteLength;
    return new QuernError(
      'input',
      `${this.path}: the file ends at byte ${sizeBytes}, but a tensor takes its bytes ${this.offset} to ${end}`,
    );
  }
}

/** A tensor of strings, which have no raw form: `bytes` throws. */
export class StringTensor implements Tensor {
  readonly dataType = 'string';
  readonly byteLength = 0;

  constructor(
    readonly dims: readonly number[],
    readonly strings: readonly string[],
  ) {
    if (elementCount(dims) !== strings.length) {
      throw new Error(`a string tensor of shape [${dims.join(', ')}] can't have ${strings.length} elements`);
    }
  }

  bytes(): Uint8Array {
    throw new Error('a string tensor has no raw bytes');
  }
}

/** The typed array that holds the elements of each type. 16-bit floats are held as their bit patterns. */
interface ElementArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
}

/** Elements of a float32 tensor; copied only when the bytes are not aligned. */
export function float32Of(tensor: Tensor): Float32Array {
  return view(tensor, 'float32', 4, (buffer, offset, count) => new Float32Array(buffer, offset, count));
}

/** Elements of a float64 tensor; copied only when the bytes are not aligned. */
export function float64Of(tensor: Tensor): Float64Array {
  return view(tensor, 'float64', 8, (buffer, offset, count) => new Float64Array(buffer, offset, count));
}

/** Bit patterns of a float16 or bfloat16 tensor. */
export function halfBitsOf(tensor: Tensor): Uint16Array {
  const dataType = tensor.dataType === 'bfloat16' ? 'bfloat16' : 'float16';
  return view(tensor, dataType, 2, (buffer, offset, count) => new Uint16Array(buffer, offset, count));
}

export function int8Of(tensor: Tensor): Int8Array {
  return view(tensor, 'int8', 1, (buffer, offset, count) => new Int8Array(buffer, offset, count));
}

export function uint8Of(tensor: Tensor): Uint8Array {
  return view(tensor, 'uint8', 1, (buffer, offset, count) => new Uint8Array(buffer, offset, count));
}

export function int32Of(tensor: Tensor): Int32Array {
  return view(tensor, 'int32', 4, (buffer, offset, count) => new Int32Array(buffer, offset, count));
}

export function int64Of(tensor: Tensor): BigInt64Array {
  return view(tensor, 'int64', 8, (buffer, offset, count) => new BigInt64Array(buffer, offset, count));
}

/** A tensor over the elements of a typed array, which is kept, not copied. */
export function tensorFrom<Type extends keyof ElementArrays>(
  dataType: Type,
  dims: readonly number[],
  elements: ElementArrays[Type],
): MemoryTensor {
  return new MemoryTensor(dataType, dims, new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength));
}

export function tensorFromFloat32(dims: readonly number[], elements: Float32Array): MemoryTensor {
  return tensorFrom('float32', dims, elements);
}

export function float32Scalar(value: number): MemoryTensor {
  return tensorFrom('float32', [], Float32Array.of(value));
}

export function int64Scalar(value: number): MemoryTensor {
  return tensorFrom('int64', [], BigInt64Array.of(BigInt(value)));
}

/** A one-dimensional int64 tensor, the form of shapes, axes and indices. */
export function int64Vector(values: readonly number[]): MemoryTensor {
  return tensorFrom('int64', [values.length], BigInt64Array.from(values, BigInt));
}

function view<View>(
  tensor: Tensor,
  dataType: DataType,
  elementBytes: number,
  create: (buffer: ArrayBufferLike, offset: number, count: number) => View,
): View {
  if (tensor.dataType !== dataType) throw new Error(`expected a ${dataType} tensor, not ${tensor.dataType}`);
  const bytes = tensor.bytes();
  const aligned = bytes.byteOffset % elementBytes === 0 ? bytes : new Uint8Array(bytes);
  return create(aligned.buffer, aligned.byteOffset, aligned.byteLength / elementBytes);
}

function requiredByteLength(dataType: DataType, dims: readonly number[]): number {
  const byteLength = byteLengthOf(dataType, dims);
  if (byteLength === undefined) throw new Error(`[${dims.join(', ')}] is not a shape of a tensor`);
  return byteLength;
}
