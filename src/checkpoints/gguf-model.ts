import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import type { JsonObject } from '../json.js';
import type { Checkpoint, CheckpointTensor } from './checkpoint.js';
import { type ModelConfig, parseModelConfig } from './config.js';
import { openGguf } from './gguf.js';
import { type GgufConfig, ggufConfig, ropeDivisorsName } from './gguf-config.js';
import { transformersName } from './gguf-names.js';
import { type GgufTokenizer, ggufTokenizer } from './gguf-tokenizer.js';
import { rowMajorStrides } from './strided-view.js';

/** A model in one GGUF file, said as transformers would say it. */
export interface GgufModel {
  readonly checkpoint: Checkpoint;
  readonly config: ModelConfig;
  /** What `config` was read from: the config.json of the model. */
  readonly configJson: JsonObject;
  readonly tokenizer: GgufTokenizer | undefined;
}

/**
 * llama.cpp turns pairs of neighbouring elements where transformers turns the two halves of a head, and so stores the
 * rows of each head as pairs (`permute` of convert_hf_to_gguf.py). The view takes the first of all pairs, then the second.
 */
function withRowsInHalves(tensor: CheckpointTensor, heads: number): CheckpointTensor {
  const [rows = 0, ...columns] = tensor.dims;
  const pairs = rows / heads / 2;
  if (!Number.isInteger(pairs)) {
    throw new QuernError('input', `${tensor.path}: ${tensor.name} has ${rows} rows, which ${heads} heads can't share`);
  }
  const [headStride = 1, pairStride = 1, halfStride = 1, ...rest] = rowMajorStrides([heads, pairs, 2, ...columns]);
  const view = { dims: [heads, 2, pairs, ...columns], strides: [headStride, halfStride, pairStride, ...rest] };
  return { ...tensor, view };
}

function rename(tensor: CheckpointTensor, config: GgufConfig): CheckpointTensor {
  const name = transformersName(tensor.name);
  if (name === undefined) {
    throw new QuernError('input', `${tensor.path}: tensor ${quote(tensor.name)} is not supported`, {
      suggestion: 'it may change what the model computes: use the checkpoint in safetensors instead',
    });
  }
  const renamed = { ...tensor, name };
  if (!config.permutesRows) return renamed;
  if (/\.attn_q\.(weight|bias)$/.test(tensor.name)) return withRowsInHalves(renamed, config.heads);
  if (/\.attn_k\.(weight|bias)$/.test(tensor.name)) return withRowsInHalves(renamed, config.keyValueHeads);
  return renamed;
}

/** Opens a GGUF file as a model: names, order of rows and configuration as transformers has them. */
export function openGgufModel(path: string): GgufModel {
  const file = openGguf(path);
  const config = ggufConfig(file);
  const renamed = [...file.tensors.values()]
    .filter(({ name }) => name !== ropeDivisorsName)
    .map((tensor) => rename(tensor, config));
  const metadata = new Map(
    [...file.metadata].flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
  return {
    checkpoint: { tensors: new Map(renamed.map((tensor) => [tensor.name, tensor])), metadata },
    config: parseModelConfig(config.json, path),
    configJson: config.json,
    tokenizer: ggufTokenizer(file),
  };
}
