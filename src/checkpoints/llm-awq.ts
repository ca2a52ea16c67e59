import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import type { CheckpointTensor } from './checkpoint.js';
import { PickleDict, PickleList, PickleTuple, type PickleValue } from './pickle-values.js';
import { readTorch } from './torch.js';
import { TorchTensor } from './torch-objects.js';
import { describeTensor } from './torch-state.js';

/** Factors of the input channels of some linear layers, by which the output of `source` is divided. */
export interface LlmAwqScales {
  readonly source: string;
  readonly layers: readonly string[];
  readonly scales: CheckpointTensor;
}

/** Bounds of the weights of a linear layer: [output features, groups, 1]. */
export interface LlmAwqBounds {
  readonly layer: string;
  readonly bounds: CheckpointTensor;
}

/** What a search by llm-awq found, in the terms of its `apply_awq`. */
export interface LlmAwqResult {
  readonly scales: readonly LlmAwqScales[];
  readonly clip: readonly LlmAwqBounds[];
}

/**
 * Reads a result of llm-awq's `--dump_awq`: {"scale": [(source, (layer, ..), tensor)], "clip": [(layer, tensor)]}.
 * @throws QuernError if the file is anything else
 */
export function readLlmAwq(file: string): LlmAwqResult {
  return readTorch(file, (value, path, locate) => {
    const wrong = (problem: string): QuernError =>
      new QuernError('input', `${path} ${problem}`, {
        suggestion: 'a file that llm-awq wrote with --dump_awq is needed',
      });
    if (!(value instanceof PickleDict)) throw wrong('is not the result of a search by llm-awq');
    const listOf = (key: string): readonly PickleValue[] => {
      const list = itemsOf(value.entries.find(([name]) => name === key)?.[1]);
      if (list === undefined) throw wrong(`has no list ${quote(key)}`);
      return list;
    };
    const tensorOf = (name: string, tensor: TorchTensor): CheckpointTensor =>
      describeTensor(name, tensor, path, locate);
    const scales = listOf('scale').map((entry, index) => {
      const [source, names, tensor] = itemsOf(entry) ?? [];
      const layers = typeof names === 'string' ? [names] : itemsOf(names);
      if (typeof source !== 'string' || !layers?.every(isText) || !(tensor instanceof TorchTensor)) {
        throw wrong(`has no source, layers and tensor in entry ${index} of "scale"`);
      }
      return { source, layers, scales: tensorOf(`scale of ${source}`, tensor) };
    });
    const clip = listOf('clip').map((entry, index) => {
      const [layer, tensor] = itemsOf(entry) ?? [];
      if (typeof layer !== 'string' || !(tensor instanceof TorchTensor)) {
        throw wrong(`has no layer and tensor in entry ${index} of "clip"`);
      }
      return { layer, bounds: tensorOf(`clip of ${layer}`, tensor) };
    });
    return { scales, clip };
  });
}

function itemsOf(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  return value instanceof PickleList || value instanceof PickleTuple ? value.items : undefined;
}

function isText(value: PickleValue): value is string {
  return typeof value === 'string';
}
