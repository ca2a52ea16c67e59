import type { Tensor } from 'onnxruntime-node';
import type { Binding } from 'onnxruntime-node/dist/binding.js';
import { QuernError } from '../errors.js';
import { type BindingModule, runBinding, toAddonTensor } from './binding-tensor.js';
import type { BoundRun, NamedTensors } from './engine.js';
import { runningFailure } from './engine-error.js';
import { bytesOf, type TensorData } from './tensor-data.js';

/** An input as it is passed to the addon. */
interface Feed {
  readonly name: string;
  readonly source: TensorData;
  readonly tensor: Tensor;
  /** The memory of `tensor` where it is a copy, to be refreshed before each run. */
  readonly copy: Uint8Array | undefined;
}

/**
 * A bound run over the addon, which can't write into given buffers: outputs are copied into them after each run. A
 * buffer that is both input and output therefore works as in place.
 */
export class BindingBoundRun implements BoundRun {
  readonly #native: Binding.InferenceSession;
  readonly #onRelease: (bound: BoundRun) => void;
  #bound: { readonly feeds: readonly Feed[]; readonly outputs: NamedTensors } | undefined;

  /** The session has to stay open until the run is released. `onRelease` is told when it has been. */
  constructor(
    module: BindingModule,
    native: Binding.InferenceSession,
    inputs: NamedTensors,
    outputs: NamedTensors,
    onRelease: (bound: BoundRun) => void,
  ) {
    this.#native = native;
    this.#onRelease = onRelease;
    const feeds = Object.entries(inputs).map(([name, source]) => toFeed(module, name, source));
    this.#bound = { feeds, outputs };
  }

  run(): void {
    if (this.#bound === undefined) throw new Error('the bound run is released');
    const { feeds, outputs } = this.#bound;
    for (const { copy, source } of feeds) copy?.set(bytesOf(source.data));
    const tensors = Object.fromEntries(feeds.map(({ name, tensor }) => [name, tensor]));
    const results = runBinding(this.#native, tensors, Object.keys(outputs));
    for (const [name, output] of Object.entries(outputs)) copyInto(name, results[name], output);
  }

  release(): void {
    if (this.#bound === undefined) return;
    this.#bound = undefined;
    this.#onRelease(this);
  }
}

function toFeed(module: BindingModule, name: string, source: TensorData): Feed {
  const tensor = toAddonTensor(module, source);
  const { data } = tensor;
  if (!ArrayBuffer.isView(data)) throw new Error(`input ${name} lost its elements`);
  const copied = data.buffer !== source.data.buffer;
  return {
    name,
    source,
    tensor,
    copy: copied ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined,
  };
}

function copyInto(name: string, result: TensorData | undefined, output: TensorData): void {
  if (result === undefined) throw new Error(`output ${name} was not fetched`);
  const sameDims = result.dims.length === output.dims.length && result.dims.every((size, i) => size === output.dims[i]);
  if (!sameDims) {
    const [made, bound] = [result.dims.join(', '), output.dims.join(', ')];
    throw new QuernError('engine', `${runningFailure}: output ${name} is [${made}], its buffer [${bound}]`);
  }
  bytesOf(output.data).set(bytesOf(result.data));
}
