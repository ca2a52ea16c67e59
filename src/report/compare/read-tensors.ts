import { realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openSafetensors } from '../../checkpoints/safetensors.js';
import { readTensorBytes } from '../../checkpoints/tensor-data.js';
import type { Model } from '../../onnx/model.js';
import type { Tensor } from '../../onnx/tensor.js';
import { FileTensor, StringTensor } from '../../onnx/tensor.js';
import type { ComparedTensor } from './tensors.js';

/** The constants of a model's graph by name. */
export function modelTensors(model: Model, directory: string): ReadonlyMap<string, ComparedTensor> {
  const root = realpathSync(directory);
  return new Map(
    [...model.graph.initializers].flatMap(([name, { initializer }]) =>
      initializer === undefined ? [] : [[name, graphTensor(initializer, root)] as const],
    ),
  );
}

function graphTensor(tensor: Tensor, root: string): ComparedTensor {
  const { dataType, dims } = tensor;
  if (tensor instanceof StringTensor) {
    return { dataType, dims, bytes: () => Buffer.from(JSON.stringify(tensor.strings)) };
  }
  const place = tensor instanceof FileTensor ? { file: relative(root, tensor.path), offset: tensor.offset } : undefined;
  return { dataType, dims, bytes: () => tensor.bytes(), ...(place === undefined ? {} : { place }) };
}

/** The tensors of a safetensors file of an artifact by name. */
export function safetensorsTensors(directory: string, file: string): ReadonlyMap<string, ComparedTensor> {
  return new Map(
    [...openSafetensors(join(directory, file)).tensors].map(([name, tensor]) => [
      name,
      { dataType: tensor.dataType, dims: tensor.dims, bytes: () => readTensorBytes(tensor) },
    ]),
  );
}
