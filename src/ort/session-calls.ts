import { QuernError } from '../errors.js';
import type { NamedTensors, TensorInfo } from './engine.js';
import { checkTensor, type TensorData } from './tensor-data.js';

function describe(infos: readonly TensorInfo[]): string {
  return infos.length === 0 ? 'none' : infos.map((info) => info.name).join(', ');
}

function findInfo(infos: readonly TensorInfo[], kind: 'input' | 'output', name: string): TensorInfo {
  const info = infos.find((candidate) => candidate.name === name);
  if (info !== undefined) return info;
  throw new QuernError('engine', `the model has no ${kind} ${name}; it has ${describe(infos)}`);
}

function checkTyped(info: TensorInfo, kind: 'input' | 'output', tensor: TensorData): void {
  checkTensor(`${kind} ${info.name}`, tensor);
  if (tensor.dataType === info.dataType) return;
  throw new QuernError('engine', `${kind} ${info.name} is ${info.dataType}, not ${tensor.dataType}`);
}

/** Throws unless the tensors are exactly the inputs, each of its data type. ONNX Runtime checks the dimensions. */
export function checkInputs(inputs: readonly TensorInfo[], tensors: NamedTensors): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    checkTyped(findInfo(inputs, 'input', name), 'input', tensor);
  }
  for (const { name } of inputs) {
    if (!Object.hasOwn(tensors, name)) throw new QuernError('engine', `input ${name} of the model was not given`);
  }
}

/** Throws unless the tensors are outputs, at least one, each of its data type. */
export function checkOutputs(outputs: readonly TensorInfo[], tensors: NamedTensors): void {
  const entries = Object.entries(tensors);
  if (entries.length === 0) throw new Error('a run without outputs does nothing');
  for (const [name, tensor] of entries) checkTyped(findInfo(outputs, 'output', name), 'output', tensor);
}

/** Names of the outputs to fetch: those asked for, or all. Throws on one the model does not have. */
export function fetchedNames(outputs: readonly TensorInfo[], fetches: readonly string[] | undefined): string[] {
  if (fetches === undefined) return outputs.map((output) => output.name);
  return fetches.map((name) => findInfo(outputs, 'output', name).name);
}
