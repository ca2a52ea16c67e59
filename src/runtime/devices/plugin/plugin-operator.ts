import { QuernError } from '../../../errors.js';
import type { BoundRun, NamedTensors, TensorInfo } from '../../../ort/engine.js';
import { elementCount, isTensorOf, type TensorData, zeros } from '../../../ort/tensor-data.js';
import type { LinearOperator, OperatorSource, PreparedOperator } from '../device.js';
import type { DriverChannel } from './channel.js';

/** An operator that a driver has prepared under a number. */
export class PluginOperator implements PreparedOperator {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #channel: DriverChannel;
  readonly #id: number;
  readonly #operator: LinearOperator;
  #isReleased = false;

  constructor(channel: DriverChannel, id: number, { operator, node }: OperatorSource) {
    const input = node.requireInput(0);
    const dims = (input.type?.shape ?? []).map((size) => size ?? '');
    this.inputs = [{ name: input.name, dataType: 'float32', dims }];
    const outputDims = dims.length === 0 ? [] : [...dims.slice(0, -1), operator.n];
    this.outputs = [{ name: node.output.name, dataType: 'float32', dims: outputDims }];
    this.#channel = channel;
    this.#id = id;
    this.#operator = operator;
  }

  run(feeds: NamedTensors): NamedTensors {
    const activations = tensorOf(this.inputs, feeds);
    const output = zeros('float32', [...activations.dims.slice(0, -1), this.#operator.n]);
    this.#multiply(activations, output);
    return { [this.outputs[0]!.name]: output };
  }

  bind(inputs: NamedTensors, outputs: NamedTensors): BoundRun {
    const [activations, output] = [tensorOf(this.inputs, inputs), tensorOf(this.outputs, outputs)];
    return { run: () => this.#multiply(activations, output), release: () => {} };
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#channel.tryCall({ call: 'release', id: this.#id });
  }

  #multiply({ dims, data }: TensorData<'float32'>, { data: output }: TensorData<'float32'>): void {
    const { k, n } = this.#operator;
    const rows = elementCount(dims.slice(0, -1));
    if (dims.at(-1) !== k || output.length !== rows * n) throw new Error(`[${dims}] times ${k} x ${n} is not possible`);
    const memory = this.#channel.memory((rows * k + rows * n) * Float32Array.BYTES_PER_ELEMENT);
    new Float32Array(memory, 0, rows * k).set(data);
    this.#channel.call({ call: 'run', id: this.#id, rows, k, n, memory });
    const result = new Float32Array(memory, rows * k * Float32Array.BYTES_PER_ELEMENT, rows * n);
    if (!result.every(Number.isFinite) && data.every(Number.isFinite)) {
      throw new QuernError('engine', 'its result has numbers that are not finite, or is not complete');
    }
    output.set(result);
  }
}

function tensorOf([info]: readonly TensorInfo[], tensors: NamedTensors): TensorData<'float32'> {
  const tensor = info === undefined ? undefined : tensors[info.name];
  if (tensor === undefined || !isTensorOf(tensor, 'float32')) throw new Error(`there is no float32 ${info?.name}`);
  return tensor;
}
