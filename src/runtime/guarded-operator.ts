import { QuernError } from '../errors.js';
import type { BoundRun, NamedTensors, Session, TensorInfo } from '../ort/engine.js';
import { checkTensor } from '../ort/tensor-data.js';
import type { PreparedOperator } from './devices/device.js';

/**
 * An operator on a device, with the CPU behind it: when the device fails, the CPU does that dispatch and all further
 * ones, into the same buffers.
 */
export class GuardedOperator implements Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #openFallback: () => Session;
  readonly #onFault: (error: QuernError) => void;
  readonly #rebind = new Set<() => void>();
  #prepared: PreparedOperator | undefined;
  #fallback: Session | undefined;

  /** `openFallback` opens the operator on the CPU. `onFault` is told of the one fault there can be, and may throw. */
  constructor(prepared: PreparedOperator, openFallback: () => Session, onFault: (error: QuernError) => void) {
    this.inputs = prepared.inputs;
    this.outputs = prepared.outputs;
    this.#prepared = prepared;
    this.#openFallback = openFallback;
    this.#onFault = onFault;
  }

  run(feeds: NamedTensors): NamedTensors {
    if (this.#prepared === undefined) return this.#onCpu().run(feeds);
    try {
      const outputs = this.#prepared.run(feeds);
      this.#checkOutputs(outputs);
      return outputs;
    } catch (error) {
      this.#fail(error);
      return this.#onCpu().run(feeds);
    }
  }

  bind(inputs: NamedTensors, outputs: NamedTensors): BoundRun {
    let bound = this.#bindDevice(inputs, outputs) ?? this.#onCpu().bind(inputs, outputs);
    const toCpu = (): void => {
      bound.release();
      bound = this.#onCpu().bind(inputs, outputs);
    };
    this.#rebind.add(toCpu);
    return {
      run: () => {
        if (this.#prepared === undefined) return bound.run();
        try {
          bound.run();
        } catch (error) {
          this.#fail(error);
          bound.run();
        }
      },
      release: () => {
        this.#rebind.delete(toCpu);
        bound.release();
      },
    };
  }

  release(): void {
    this.#prepared?.release();
    this.#fallback?.release();
    this.#rebind.clear();
  }

  #bindDevice(inputs: NamedTensors, outputs: NamedTensors): BoundRun | undefined {
    try {
      return this.#prepared?.bind(inputs, outputs);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Turns everything that is bound to the device over to the CPU. Errors that are not the device's go on. */
  #fail(error: unknown): void {
    if (!(error instanceof QuernError)) throw error;
    this.#onFault(error);
    const failed = this.#prepared;
    this.#prepared = undefined;
    for (const toCpu of this.#rebind) toCpu();
    failed?.release();
  }

  #onCpu(): Session {
    this.#fallback ??= this.#openFallback();
    return this.#fallback;
  }

  #checkOutputs(outputs: NamedTensors): void {
    for (const { name, dataType } of this.outputs) {
      const tensor = outputs[name];
      if (tensor === undefined || tensor.dataType !== dataType) throw new Error(`a device gave no ${dataType} ${name}`);
      checkTensor(name, tensor);
    }
  }
}
