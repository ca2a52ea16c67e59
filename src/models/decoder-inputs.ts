import type { NamedTensors } from '../ort/engine.js';
import type { TensorData } from '../ort/tensor-data.js';
import { zeros } from '../ort/tensor-data.js';
import type { ModelInfo } from './architecture.js';

/** Token ids as the input of a decoder: int64 [1, sequence]. */
export function tokenTensor(ids: ArrayLike<number>): TensorData<'int64'> {
  return { dataType: 'int64', dims: [1, ids.length], data: BigInt64Array.from(Array.from(ids, BigInt)) };
}

/** A mask that lets every one of `length` tokens be seen: int64 [1, length]. */
export function fullMask(length: number): TensorData<'int64'> {
  return { dataType: 'int64', dims: [1, length], data: new BigInt64Array(length).fill(1n) };
}

/** The inputs of a decoder that reads one sequence from its start, with empty caches. */
export function promptInputs(info: ModelInfo, ids: ArrayLike<number>): NamedTensors {
  const inputs: Record<string, TensorData> = { input_ids: tokenTensor(ids), attention_mask: fullMask(ids.length) };
  for (let layer = 0; layer < info.layers; layer++) {
    for (const kind of ['key', 'value']) {
      inputs[`past_key_values.${layer}.${kind}`] = zeros('float32', [1, info.keyValueHeads, 0, info.headSize]);
    }
  }
  return inputs;
}
