import type { InferenceSession } from 'onnxruntime-node';
import type { Binding } from 'onnxruntime-node/dist/binding.js';
import { QuernError } from '../errors.js';
import { BindingBoundRun } from './binding-bound-run.js';
import { type BindingModule, runBinding, toAddonTensor, unshared, withEngineErrors } from './binding-tensor.js';
import type { BoundRun, NamedTensors, Session, SessionSource, TensorInfo, ThreadOptions } from './engine.js';
import { openingFailure } from './engine-error.js';
import { checkInputs, checkOutputs, fetchedNames } from './session-calls.js';
import type { SessionOptions } from './session-options.js';
import { tensorInfoOf } from './tensor-info.js';

/** Opens a model through the addon. `onRelease` is told when the session has been released. */
export function openBindingSession(
  module: BindingModule,
  source: SessionSource,
  options: SessionOptions,
  threadOptions: ThreadOptions,
  onRelease: (session: Session) => void,
): Session {
  const native = new module.InferenceSession();
  const settings = bindingOptions(options, threadOptions);
  withEngineErrors(openingFailure(source), () => {
    if ('path' in source) native.loadModel(source.path, settings);
    else {
      const { buffer, byteOffset, byteLength } = unshared(source.bytes);
      native.loadModel(buffer, byteOffset, byteLength, settings);
    }
  });
  try {
    const inputs = readInfos('input', native.inputMetadata);
    const outputs = readInfos('output', native.outputMetadata);
    return new BindingSession(module, native, inputs, outputs, onRelease);
  } catch (error) {
    native.dispose();
    throw error;
  }
}

function bindingOptions(options: SessionOptions, { threads, spin }: ThreadOptions): InferenceSession.SessionOptions {
  const profile =
    options.profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profilePrefix };
  return {
    graphOptimizationLevel: options.graphOptimization,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 4,
    extra: { ...options.config, 'session.intra_op.allow_spinning': spin ? '1' : '0' },
    ...profile,
  };
}

function readInfos(kind: 'input' | 'output', metadata: readonly Binding.ValueMetadata[]): readonly TensorInfo[] {
  return metadata.map((value) => {
    const declared = value.isTensor
      ? { code: value.type, dims: value.shape, names: value.symbolicDimensions }
      : undefined;
    const info = tensorInfoOf(kind, value.name, declared);
    if (info.dataType !== 'bfloat16') return info;
    throw new QuernError('engine', `${kind} ${info.name} of the model is bfloat16, which the addon can't pass`);
  });
}

class BindingSession implements Session {
  readonly #module: BindingModule;
  readonly #native: Binding.InferenceSession;
  readonly #bound = new Set<BoundRun>();
  readonly #onRelease: (session: Session) => void;
  #released = false;

  constructor(
    module: BindingModule,
    native: Binding.InferenceSession,
    readonly inputs: readonly TensorInfo[],
    readonly outputs: readonly TensorInfo[],
    onRelease: (session: Session) => void,
  ) {
    this.#module = module;
    this.#native = native;
    this.#onRelease = onRelease;
  }

  run(feeds: NamedTensors, fetches?: readonly string[]): NamedTensors {
    this.#checkOpen();
    checkInputs(this.inputs, feeds);
    const tensors = Object.entries(feeds).map(([name, tensor]) => [name, toAddonTensor(this.#module, tensor)] as const);
    return runBinding(this.#native, Object.fromEntries(tensors), fetchedNames(this.outputs, fetches));
  }

  bind(inputs: NamedTensors, outputs: NamedTensors): BoundRun {
    this.#checkOpen();
    checkInputs(this.inputs, inputs);
    checkOutputs(this.outputs, outputs);
    const bound = new BindingBoundRun(this.#module, this.#native, inputs, outputs, (released) =>
      this.#bound.delete(released),
    );
    this.#bound.add(bound);
    return bound;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    for (const bound of this.#bound) bound.release();
    this.#native.dispose();
    this.#onRelease(this);
  }

  #checkOpen(): void {
    if (this.#released) throw new Error('the session is released');
  }
}
