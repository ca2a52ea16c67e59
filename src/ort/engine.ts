import type { ExecutionProvider, ProviderRequest } from './execution-provider.js';
import type { ResolvableSessionOptions } from './session-options.js';
import type { DataType, TensorData } from './tensor-data.js';

/** An input or output of a session. */
export interface TensorInfo {
  readonly name: string;
  readonly dataType: DataType;
  /** A fixed size, or the name of a symbolic dimension (empty when it has none). A tensor of unknown rank has no dimensions. */
  readonly dims: readonly (number | string)[];
}

/** Tensors by input or output name. */
export interface NamedTensors {
  readonly [name: string]: TensorData;
}

/**
 * Where a model comes from. External data of a file is found beside it; that of bytes in `externalDataFolder`. The bytes
 * are not needed any more once the session is open.
 */
export type SessionSource =
  | { readonly path: string }
  | { readonly bytes: Uint8Array; readonly externalDataFolder?: string };

/**
 * A prepared call of a session: inputs are read from and outputs written to the buffers it was bound to. The buffers must
 * not be transferred to another thread while it is bound; a `SharedArrayBuffer` may be used from several.
 */
export interface BoundRun {
  /** Runs once. Throws a `QuernError` when ONNX Runtime refuses. */
  run(): void;
  /** Lets go of the buffers. Releasing twice is harmless. */
  release(): void;
}

/** A loaded model. Calls block the thread until they are done. */
export interface Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Runs once and returns copies of the named outputs (all of them if none are named). */
  run(feeds: NamedTensors, fetches?: readonly string[]): NamedTensors;
  /**
   * Binds every input and the wanted outputs (at least one) to buffers. The same buffer may be an input and an output
   * where the operator allows it, as GroupQueryAttention does with its key and value caches. Outputs need their exact
   * dimensions.
   */
  bind(inputs: NamedTensors, outputs: NamedTensors): BoundRun;
  /** Frees the session and everything bound to it. Releasing twice is harmless. */
  release(): void;
}

export interface ThreadOptions {
  /** Threads that one run may use, the calling one included. */
  readonly threads: number;
  /** Whether idle threads wait in a busy loop: faster on an idle machine, much slower on a busy one. */
  readonly spin: boolean;
}

/** ONNX Runtime, in one of two ways of reaching it that give the same results. */
export interface Engine {
  /** `c-api`: ONNX Runtime's C functions. `binding`: its Node.js addon, slower to call. */
  readonly name: 'c-api' | 'binding';
  /** Version of ONNX Runtime. */
  readonly version: string;
  /** Threads that one run may use, the calling one included. */
  readonly threads: number;
  openSession(source: SessionSource, options?: ResolvableSessionOptions): Session;
  /**
   * Makes an execution provider available to sessions, until the engine is closed. Whether it runs anything shows when a
   * session is opened. Throws a `QuernError` where its library can't be loaded or finds no device.
   */
  openProvider(request: ProviderRequest): ExecutionProvider;
  /** Releases every session and the threads. Closing twice is harmless. */
  close(): void;
}
