import type { Environment } from './c-environment.js';
import type { CApi, Pointer } from './c-functions.js';
import { check } from './c-status.js';
import { createValue, type OwnedValue } from './c-tensor.js';
import type { BoundRun, NamedTensors } from './engine.js';
import { runningFailure } from './engine-error.js';

/**
 * A bound run of a session on an execution provider. `OrtIoBinding` would copy the inputs to the device once, when they are
 * bound, and not see what is written into them later; `Run` copies them each time, and results into the buffers given.
 */
export class CValueRun implements BoundRun {
  readonly #api: CApi;
  readonly #session: Pointer;
  readonly #onRelease: (bound: BoundRun) => void;
  readonly #inputNames: readonly string[];
  readonly #outputNames: readonly string[];
  #values: { readonly inputs: readonly OwnedValue[]; readonly outputs: readonly OwnedValue[] } | undefined;

  /** The session has to stay open until the run is released. `onRelease` is told when it has been. */
  constructor(
    api: CApi,
    environment: Environment,
    session: Pointer,
    inputs: NamedTensors,
    outputs: NamedTensors,
    onRelease: (bound: BoundRun) => void,
  ) {
    this.#api = api;
    this.#session = session;
    this.#onRelease = onRelease;
    this.#inputNames = Object.keys(inputs);
    this.#outputNames = Object.keys(outputs);
    const create = (tensors: NamedTensors): OwnedValue[] =>
      Object.values(tensors).map((tensor) => createValue(api, environment, tensor));
    this.#values = { inputs: create(inputs), outputs: create(outputs) };
  }

  run(): void {
    if (this.#values === undefined) throw new Error('the bound run is released');
    const { inputs, outputs } = this.#values;
    const outputPointers = new BigUint64Array(new ArrayBuffer(outputs.length * 8));
    outputs.forEach(({ pointer }, index) => {
      outputPointers[index] = pointer;
    });
    const status = this.#api.functions.Run(
      this.#session,
      null,
      this.#inputNames,
      inputs.map(({ pointer }) => pointer),
      inputs.length,
      this.#outputNames,
      outputs.length,
      outputPointers,
    );
    check(this.#api, runningFailure, status);
  }

  release(): void {
    if (this.#values === undefined) return;
    const { inputs, outputs } = this.#values;
    for (const { pointer } of [...inputs, ...outputs]) this.#api.functions.ReleaseValue(pointer);
    this.#values = undefined;
    this.#onRelease(this);
  }
}
