import { QuernError } from '../errors.js';
import type { TensorInfo } from './engine.js';
import { dataTypeOfCode, nameOfCode } from './tensor-data.js';

/** What ONNX Runtime says about a tensor of a model's interface. */
export interface DeclaredTensor {
  /** ONNX element type code. */
  readonly code: number;
  /** -1 for a symbolic dimension. */
  readonly dims: readonly number[];
  /** By dimension, the name of a symbolic one. */
  readonly names: readonly string[];
}

/**
 * Checks an input or output of a model. Throws a `QuernError` on a type that can't be passed: the addon would abort the
 * process on an int4 output. `declared` is `undefined` for what is no tensor.
 */
export function tensorInfoOf(kind: 'input' | 'output', name: string, declared: DeclaredTensor | undefined): TensorInfo {
  if (declared === undefined) {
    throw new QuernError('engine', `${kind} ${name} of the model is not a tensor, which is not supported`);
  }
  const dataType = dataTypeOfCode(declared.code);
  if (dataType === undefined) {
    const type = nameOfCode(declared.code);
    throw new QuernError('engine', `${kind} ${name} of the model has elements of ${type}, which is not supported`);
  }
  const dims = declared.dims.map((size, axis) => (size >= 0 ? size : (declared.names[axis] ?? '')));
  return { name, dataType, dims };
}
