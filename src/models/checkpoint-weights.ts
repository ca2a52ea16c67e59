import type { Checkpoint, CheckpointTensor } from '../checkpoints/checkpoint.js';
import { checkFinite, readTensorFloat32 } from '../checkpoints/tensor-data.js';
import { QuernError } from '../errors.js';
import type { Tensor } from '../onnx/tensor.js';
import { LazyTensor } from '../onnx/tensor.js';

/**
 * The weights of a checkpoint under the names that an architecture expects, as float32 tensors that are read and checked
 * (shape at once, values when read) one by one.
 */
export class CheckpointWeights {
  readonly #checkpoint: Checkpoint;
  readonly #prefix: string;
  readonly #where: string;

  /** `prefix` stands before every name in the checkpoint, for example `model.`; `where` names the checkpoint in messages. */
  constructor(checkpoint: Checkpoint, where: string, prefix = '') {
    this.#checkpoint = checkpoint;
    this.#where = where;
    this.#prefix = prefix;
  }

  has(name: string): boolean {
    return this.#checkpoint.tensors.has(this.#prefix + name);
  }

  /** A tensor of exactly these dimensions. */
  tensor(name: string, dims: readonly number[]): Tensor {
    const source = this.#find(name, dims);
    return new LazyTensor('float32', dims, () => bytesOf(readChecked(source)));
  }

  /** A tensor of exactly these dimensions with `offset` added to each element. */
  shifted(name: string, dims: readonly number[], offset: number): Tensor {
    const source = this.#find(name, dims);
    if (offset === 0) return this.tensor(name, dims);
    return new LazyTensor('float32', dims, () => bytesOf(readChecked(source).map((value) => value + offset)));
  }

  /** The weight of a PyTorch Linear, [output, input] in the checkpoint, as [input, output]. */
  linear(name: string, inputFeatures: number, outputFeatures: number): Tensor {
    const source = this.#find(name, [outputFeatures, inputFeatures]);
    return new LazyTensor('float32', [inputFeatures, outputFeatures], () =>
      bytesOf(transpose(readChecked(source), outputFeatures, inputFeatures)),
    );
  }

  /** Some of the output features of a PyTorch Linear with `outputFeatures` of them, as [input, count]. */
  linearPart(
    name: string,
    inputFeatures: number,
    outputFeatures: number,
    { first, count }: { readonly first: number; readonly count: number },
  ): Tensor {
    const source = this.#find(name, [outputFeatures, inputFeatures]);
    return new LazyTensor('float32', [inputFeatures, count], () => {
      const rows = readChecked(source).subarray(first * inputFeatures, (first + count) * inputFeatures);
      return bytesOf(transpose(rows, count, inputFeatures));
    });
  }

  #find(name: string, dims: readonly number[]): CheckpointTensor {
    const tensor = this.#checkpoint.tensors.get(this.#prefix + name);
    if (tensor === undefined) {
      throw new QuernError('input', `${this.#where} has no tensor ${this.#prefix}${name}`, {
        suggestion: 'does config.json belong to these weights?',
      });
    }
    const matches = tensor.dims.length === dims.length && tensor.dims.every((size, index) => size === dims[index]);
    if (matches) return tensor;
    throw new QuernError(
      'input',
      `${this.#where}: tensor ${tensor.name} has shape [${tensor.dims.join(', ')}], but config.json asks for [${dims.join(', ')}]`,
      { suggestion: 'does config.json belong to these weights?' },
    );
  }
}

function readChecked(tensor: CheckpointTensor): Float32Array {
  const values = readTensorFloat32(tensor);
  checkFinite(tensor, values);
  return values;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

const tile = 32;

/** Transposes a row-major matrix, tile by tile so that both sides stay in the cache. */
export function transpose(source: Float32Array, rows: number, columns: number): Float32Array {
  const target = new Float32Array(source.length);
  for (let firstRow = 0; firstRow < rows; firstRow += tile) {
    const lastRow = Math.min(firstRow + tile, rows);
    for (let firstColumn = 0; firstColumn < columns; firstColumn += tile) {
      const lastColumn = Math.min(firstColumn + tile, columns);
      for (let row = firstRow; row < lastRow; row++) {
        for (let column = firstColumn; column < lastColumn; column++) {
          target[column * rows + row] = source[row * columns + column]!;
        }
      }
    }
  }
  return target;
}
