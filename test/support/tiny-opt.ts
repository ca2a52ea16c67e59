import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorToWrite } from '../../src/checkpoints/safetensors-writer.js';
import { writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';

const wren = join(import.meta.dirname, '../../recipes/models/opt-wren-4m');

export const tinyConfig = {
  architectures: ['OPTForCausalLM'],
  model_type: 'opt',
  vocab_size: 4096,
  hidden_size: 16,
  ffn_dim: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 32,
  word_embed_proj_dim: 16,
  do_layer_norm_before: true,
  activation_function: 'relu',
};

export interface TinyOptions {
  readonly config?: { readonly [field: string]: unknown };
  /** Changes a tensor before it is written; `undefined` leaves it out. */
  readonly change?: (tensor: TensorToWrite) => TensorToWrite | undefined;
}

/** Writes the checkpoint of an OPT with two small layers, the tokenizer of opt-wren-4m and fixed pseudo-random weights. */
export function writeTinyOpt(
  directory: string,
  { config = {}, change = (tensor) => tensor }: TinyOptions = {},
): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...tinyConfig, ...config }));
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(wren, name), join(directory, name));
  const tensors = tinyTensors().flatMap((tensor) => change(tensor) ?? []);
  writeSafetensors(join(directory, 'model.safetensors'), tensors);
  return directory;
}

/** The weights of the model: float32, made up anew each time. */
export function tinyTensors(): TensorToWrite[] {
  const { vocab_size: vocabulary, hidden_size: hidden, ffn_dim: wide, max_position_embeddings: positions } = tinyConfig;
  let state = 1;
  const tensor = (name: string, dims: readonly number[], offset = 0): TensorToWrite => {
    const data = Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return offset + (state / 2 ** 32 - 0.5) * 0.5;
    });
    return { name: `model.decoder.${name}`, dataType: 'float32', dims, data };
  };
  const norm = (name: string): TensorToWrite[] => [
    tensor(`${name}.weight`, [hidden], 1),
    tensor(`${name}.bias`, [hidden]),
  ];
  const linear = (name: string, from: number, to: number): TensorToWrite[] => [
    tensor(`${name}.weight`, [to, from]),
    tensor(`${name}.bias`, [to]),
  ];
  const layers = Array.from({ length: tinyConfig.num_hidden_layers }, (_, layer) => `layers.${layer}`);
  return [
    tensor('embed_tokens.weight', [vocabulary, hidden]),
    tensor('embed_positions.weight', [positions + 2, hidden]),
    ...layers.flatMap((layer) => [
      ...norm(`${layer}.self_attn_layer_norm`),
      ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((name) =>
        linear(`${layer}.self_attn.${name}`, hidden, hidden),
      ),
      ...norm(`${layer}.final_layer_norm`),
      ...linear(`${layer}.fc1`, hidden, wide),
      ...linear(`${layer}.fc2`, wide, hidden),
    ]),
    ...norm('final_layer_norm'),
  ];
}
