import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import type { JsonObject } from '../json.js';
import { ConfigReader } from './config-reader.js';
import type { GgufFile } from './gguf.js';
import type { GgufValue } from './gguf-metadata.js';
import { ropeScalingOfDivisors, ropeScalingOfMetadata } from './gguf-rope.js';

/** How an architecture of GGUF is called in transformers, and whether llama.cpp reorders the rows of q and k for it. */
interface Family {
  readonly architecture: string;
  readonly modelType: string;
  readonly permutesRows: boolean;
}

/** Mistral, TinyLlama and SmolLM2 are of the first kind as well. */
const families: ReadonlyMap<string, Family> = new Map([
  ['llama', { architecture: 'LlamaForCausalLM', modelType: 'llama', permutesRows: true }],
  ['qwen2', { architecture: 'Qwen2ForCausalLM', modelType: 'qwen2', permutesRows: false }],
  ['qwen3', { architecture: 'Qwen3ForCausalLM', modelType: 'qwen3', permutesRows: false }],
]);

/** Of llama.cpp: divisors of the rotary frequencies. */
export const ropeDivisorsName = 'rope_freqs.weight';

export interface GgufConfig {
  /** What config.json would say. */
  readonly json: JsonObject;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly permutesRows: boolean;
}

function familyOf({ path, metadata }: GgufFile): readonly [name: string, family: Family] {
  const name = metadata.get('general.architecture');
  const family = typeof name === 'string' ? families.get(name) : undefined;
  if (typeof name === 'string' && family !== undefined) return [name, family];
  throw new QuernError('input', `${path}: the architecture ${quote(name)} is not supported in GGUF`, {
    suggestion: `supported are ${[...families.keys()].join(', ')}; others can be loaded from safetensors`,
  });
}

/** The metadata of the architecture as fields, so that those that nobody understands can be refused. */
function architectureFields({ path, metadata }: GgufFile, name: string): ConfigReader {
  const prefix = `${name}.`;
  const fields: { [key: string]: JsonObject[string] } = {};
  for (const [key, value] of metadata) {
    if (key.startsWith(prefix)) fields[key.slice(prefix.length)] = toJson(value);
  }
  return new ConfigReader(fields, path, prefix);
}

function toJson(value: GgufValue): JsonObject[string] {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') return value;
  return typeof value === 'bigint' ? String(value) : 'a list';
}

function refuseSplit({ path, metadata }: GgufFile): void {
  const parts = metadata.get('split.count');
  if (parts === undefined || parts === 0 || parts === 1) return;
  throw new QuernError('input', `${path} is one of ${quote(parts)} parts of a model`, {
    suggestion: 'join them with `llama-gguf-split --merge`',
  });
}

function tokenIds(metadata: GgufFile['metadata']): JsonObject {
  const id = (name: string): JsonObject => {
    const value = metadata.get(`tokenizer.ggml.${name}`);
    return typeof value === 'number' ? { [name]: value } : {};
  };
  return { ...id('bos_token_id'), ...id('eos_token_id') };
}

/**
 * What the config.json of a GGUF file would say. Metadata of the architecture that is not understood is a QuernError, as
 * it may change what the model computes.
 */
export function ggufConfig(file: GgufFile): GgufConfig {
  refuseSplit(file);
  const { path, metadata, tensors } = file;
  const [name, family] = familyOf(file);
  const fields = architectureFields(file, name);
  const hidden = fields.integer('embedding_length', { min: 1 });
  const heads = fields.integer('attention.head_count', { min: 1 });
  const keyValueHeads = fields.integer('attention.head_count_kv', { min: 1, default: heads });
  const headSize = fields.integer('attention.key_length', { min: 1, default: Math.floor(hidden / heads) });
  const theta = fields.number('rope.freq_base', { default: 10_000 });
  fields.require('attention.value_length', headSize);
  fields.require('rope.dimension_count', headSize);
  fields.require('expert_count', 0);
  fields.require('expert_used_count', 0);
  const divisors = tensors.get(ropeDivisorsName);
  const scalingOfMetadata = ropeScalingOfMetadata(fields);
  const ropeScaling = divisors === undefined ? scalingOfMetadata : ropeScalingOfDivisors(divisors, theta);
  const embedding = tensors.get('token_embd.weight');
  if (embedding === undefined) throw new QuernError('input', `${path} has no tensor token_embd.weight`);
  const json = {
    architectures: [family.architecture],
    model_type: family.modelType,
    hidden_size: hidden,
    intermediate_size: fields.integer('feed_forward_length', { min: 1 }),
    num_hidden_layers: fields.integer('block_count', { min: 1, max: 1000 }),
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    head_dim: headSize,
    hidden_act: 'silu',
    max_position_embeddings: fields.integer('context_length', { min: 1 }),
    rms_norm_eps: fields.number('attention.layer_norm_rms_epsilon'),
    rope_theta: theta,
    ...(ropeScaling === undefined ? {} : { rope_scaling: ropeScaling }),
    tie_word_embeddings: !tensors.has('output.weight'),
    vocab_size: embedding.dims[0] ?? 0,
    ...(name === 'llama' ? biases(tensors) : {}),
    ...tokenIds(metadata),
  };
  fields.refuseUnread(harmlessFields);
  return { json, heads, keyValueHeads, permutesRows: family.permutesRows };
}

const harmlessFields = new Set(['vocab_size', 'rope.scaling.original_context_length', 'rope.scaling.finetuned']);

/** Whether there are biases shows in the tensors alone. */
function biases(tensors: GgufFile['tensors']): JsonObject {
  return {
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    mlp_bias: tensors.has('blk.0.ffn_up.bias'),
  };
}
