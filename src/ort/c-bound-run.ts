import type { Environment } from './c-environment.js';
import type { CApi, Pointer, Status } from './c-functions.js';
import { check, create } from './c-status.js';
import { createValue, type OwnedValue } from './c-tensor.js';
import type { BoundRun, NamedTensors } from './engine.js';
import { runningFailure } from './engine-error.js';

/** An `OrtIoBinding` over buffers of JavaScript's: a run is one C call, and copies nothing. */
export class CBoundRun implements BoundRun {
  readonly #api: CApi;
  readonly #session: Pointer;
  readonly #onRelease: (bound: BoundRun) => void;
  #binding: Pointer | undefined;
  #values: OwnedValue[] = [];

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
    const { functions } = api;
    const binding = create(api, runningFailure, (out) => functions.CreateIoBinding(session, out));
    this.#binding = binding;
    try {
      this.#bindAll(environment, inputs, (name, value) => functions.BindInput(binding, name, value));
      this.#bindAll(environment, outputs, (name, value) => functions.BindOutput(binding, name, value));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  run(): void {
    if (this.#binding === undefined) throw new Error('the bound run is released');
    check(this.#api, runningFailure, this.#api.functions.RunWithBinding(this.#session, null, this.#binding));
  }

  release(): void {
    if (this.#binding === undefined) return;
    this.#api.functions.ReleaseIoBinding(this.#binding);
    for (const value of this.#values) this.#api.functions.ReleaseValue(value.pointer);
    this.#binding = undefined;
    this.#values = [];
    this.#onRelease(this);
  }

  #bindAll(environment: Environment, tensors: NamedTensors, bind: (name: string, value: Pointer) => Status): void {
    for (const [name, tensor] of Object.entries(tensors)) {
      const value = createValue(this.#api, environment, tensor);
      this.#values.push(value);
      check(this.#api, runningFailure, bind(name, value.pointer));
    }
  }
}
