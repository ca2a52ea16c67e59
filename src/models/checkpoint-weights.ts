import type { Checkpoint, CheckpointTensor } from '../checkpoints/checkpoint.js';
import type { Range } from '../checkpoints/float32-pieces.js';
import { QuernError } from '../errors.js';
import type { Tensor } from '../onnx/tensor.js';
import { ConvertedTensor } from './converted-tensor.js';

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
    return this.shifted(name, dims, 0);
  }

  /** A tensor of exactly these dimensions with `offset` added to each element. */
  shifted(name: string, dims: readonly number[], offset: number): Tensor {
    return new ConvertedTensor({ form: 'plain', tensor: this.#find(name, dims), offset });
  }

  /** The weight of a PyTorch Linear, [output, input] in the checkpoint, as [input, output]. */
  linear(name: string, inputFeatures: number, outputFeatures: number): Tensor {
    return this.linearPart(name, inputFeatures, outputFeatures, { first: 0, count: outputFeatures });
  }

  /** Some of the output features of a PyTorch Linear with `outputFeatures` of them, as [input, count]. */
  linearPart(name: string, inputFeatures: number, outputFeatures: number, rows: Range): Tensor {
    const tensor = this.#find(name, [outputFeatures, inputFeatures]);
    return new ConvertedTensor({ form: 'transposed', tensor, rows });
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
