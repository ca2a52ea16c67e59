import type { OnnxValue, Tensor } from 'onnxruntime-node';
import type { Binding } from 'onnxruntime-node/dist/binding.js';
import { QuernError } from '../errors.js';
import type { NamedTensors } from './engine.js';
import { engineError, runningFailure } from './engine-error.js';
import { bytesOf, dataTypeOfName, type TensorData, tensorOver } from './tensor-data.js';

/** What the addon of onnxruntime-node provides. */
export interface BindingModule {
  readonly InferenceSession: Binding.InferenceSessionConstructor;
  readonly Tensor: typeof Tensor;
}

/** Turns what a call of the addon throws into a `QuernError`. `action` says what was attempted. */
export function withEngineErrors<T>(action: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw engineError(action, error instanceof Error ? error.message : String(error));
  }
}

/** The same bytes in memory that the addon accepts: it refuses a `SharedArrayBuffer`. */
export function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(bytes);
}

/** A tensor of the addon over the same memory, or over a copy where that is shared between threads. */
export function toAddonTensor(module: BindingModule, tensor: TensorData): Tensor {
  if (tensor.dataType === 'bfloat16') throw new QuernError('engine', "the addon can't pass bfloat16 tensors");
  const { buffer, byteOffset } = unshared(bytesOf(tensor.data));
  const { data } = tensorOver(tensor.dataType, tensor.dims, buffer, byteOffset);
  return new module.Tensor(tensor.dataType, data, tensor.dims);
}

/** Runs a session of the addon. Outputs are in new memory. */
export function runBinding(
  native: Binding.InferenceSession,
  feeds: { readonly [name: string]: OnnxValue },
  fetches: readonly string[],
): NamedTensors {
  const results = withEngineErrors(runningFailure, () =>
    native.run(feeds, Object.fromEntries(fetches.map((name) => [name, null])), {}),
  );
  return Object.fromEntries(fetches.map((name) => [name, fromAddonTensor(name, results[name])]));
}

function fromAddonTensor(name: string, value: OnnxValue | undefined): TensorData {
  if (value === undefined) throw new Error(`the addon gave no output ${name}`);
  const dataType = dataTypeOfName(value.type);
  if (dataType === undefined || !ArrayBuffer.isView(value.data)) {
    throw new QuernError('engine', `output ${name} has elements of ${value.type}, which is not supported`);
  }
  return tensorOver(dataType, value.dims, value.data.buffer, value.data.byteOffset);
}
