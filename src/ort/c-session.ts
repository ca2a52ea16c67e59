import { CBoundRun } from './c-bound-run.js';
import type { Environment } from './c-environment.js';
import type { CApi, Pointer } from './c-functions.js';
import { readInfos } from './c-model-info.js';
import { CProvider } from './c-providers.js';
import { check, create } from './c-status.js';
import { copyValue, createValue, type OwnedValue } from './c-tensor.js';
import { CValueRun } from './c-value-run.js';
import type { BoundRun, NamedTensors, Session, SessionSource, TensorInfo } from './engine.js';
import { openingFailure, runningFailure } from './engine-error.js';
import { checkInputs, checkOutputs, fetchedNames } from './session-calls.js';
import type { GraphOptimization, SessionOptions } from './session-options.js';

const optimizationLevels: { readonly [L in GraphOptimization]: number } = {
  disabled: 0,
  basic: 1,
  extended: 2,
  all: 99,
};

/** Opens a model through the C API. `onRelease` is told when the session has been released. */
export function openCSession(
  api: CApi,
  environment: Environment,
  source: SessionSource,
  options: SessionOptions,
  onRelease: (session: Session) => void,
): Session {
  const pointer = createSession(api, environment, source, options);
  try {
    const inputs = readInfos(api, environment, pointer, 'input');
    const outputs = readInfos(api, environment, pointer, 'output');
    return new CSession(api, environment, pointer, options.provider !== undefined, inputs, outputs, onRelease);
  } catch (error) {
    api.functions.ReleaseSession(pointer);
    throw error;
  }
}

function createSession(api: CApi, { env }: Environment, source: SessionSource, options: SessionOptions): Pointer {
  const { functions } = api;
  const opening = openingFailure(source);
  const settings = create(api, opening, functions.CreateSessionOptions);
  try {
    check(
      api,
      opening,
      functions.SetSessionGraphOptimizationLevel(settings, optimizationLevels[options.graphOptimization]),
    );
    check(api, opening, functions.DisablePerSessionThreads(settings));
    check(api, opening, functions.DisableMemPattern(settings));
    check(api, opening, functions.DisableCpuMemArena(settings));
    for (const [key, value] of Object.entries(options.config)) {
      check(api, opening, functions.AddSessionConfigEntry(settings, key, value));
    }
    if (options.profilePrefix !== undefined) {
      check(api, opening, functions.EnableProfiling(settings, options.profilePrefix));
    }
    if (options.provider !== undefined) check(api, opening, providerOf(options).appendTo(settings));
    return create(api, opening, (out) =>
      'path' in source
        ? functions.CreateSession(env, source.path, settings, out)
        : functions.CreateSessionFromArray(env, source.bytes, source.bytes.byteLength, settings, out),
    );
  } finally {
    functions.ReleaseSessionOptions(settings);
  }
}

function providerOf({ provider }: SessionOptions): CProvider {
  if (provider instanceof CProvider) return provider;
  throw new Error('the execution provider is not one of this engine');
}

class CSession implements Session {
  readonly #api: CApi;
  readonly #environment: Environment;
  readonly #bound = new Set<BoundRun>();
  readonly #onRelease: (session: Session) => void;
  readonly #isOnProvider: boolean;
  #pointer: Pointer | undefined;

  constructor(
    api: CApi,
    environment: Environment,
    pointer: Pointer,
    isOnProvider: boolean,
    readonly inputs: readonly TensorInfo[],
    readonly outputs: readonly TensorInfo[],
    onRelease: (session: Session) => void,
  ) {
    this.#api = api;
    this.#environment = environment;
    this.#pointer = pointer;
    this.#isOnProvider = isOnProvider;
    this.#onRelease = onRelease;
  }

  run(feeds: NamedTensors, fetches?: readonly string[]): NamedTensors {
    const session = this.#open();
    checkInputs(this.inputs, feeds);
    const { functions } = this.#api;
    const inputs: OwnedValue[] = [];
    const outputNames = fetchedNames(this.outputs, fetches);
    const outputs = new BigUint64Array(new ArrayBuffer(outputNames.length * 8));
    try {
      for (const tensor of Object.values(feeds)) inputs.push(createValue(this.#api, this.#environment, tensor));
      const status = functions.Run(
        session,
        null,
        Object.keys(feeds),
        inputs.map((value) => value.pointer),
        inputs.length,
        outputNames,
        outputs.length,
        outputs,
      );
      check(this.#api, runningFailure, status);
      return Object.fromEntries(
        outputNames.map((name, index) => [name, copyValue(this.#api, name, outputs[index] ?? 0n)]),
      );
    } finally {
      for (const value of inputs) functions.ReleaseValue(value.pointer);
      for (const value of outputs) if (value !== 0n) functions.ReleaseValue(value);
    }
  }

  bind(inputs: NamedTensors, outputs: NamedTensors): BoundRun {
    const session = this.#open();
    checkInputs(this.inputs, inputs);
    checkOutputs(this.outputs, outputs);
    const Bound = this.#isOnProvider ? CValueRun : CBoundRun;
    const bound = new Bound(this.#api, this.#environment, session, inputs, outputs, (released) =>
      this.#bound.delete(released),
    );
    this.#bound.add(bound);
    return bound;
  }

  release(): void {
    if (this.#pointer === undefined) return;
    for (const bound of this.#bound) bound.release();
    this.#api.functions.ReleaseSession(this.#pointer);
    this.#pointer = undefined;
    this.#onRelease(this);
  }

  #open(): Pointer {
    if (this.#pointer === undefined) throw new Error('the session is released');
    return this.#pointer;
  }
}
