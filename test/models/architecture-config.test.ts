import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Checkpoint } from '../../src/checkpoints/checkpoint.js';
import type { BuildModelOptions, BuiltModel } from '../../src/models/architecture.js';
import { float32Of } from '../../src/onnx/tensor.js';
import { inputError } from '../checkpoints/support.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { buildModel, type Fields, readGolden, writeGoldenWeights } from './golden-models.js';
import { goldenWeights } from './golden-weights.js';

type Build = (changed?: Fields, options?: BuildModelOptions) => BuiltModel;

/** Calls `use` with a function that builds a golden model whose config.json has some fields changed. */
function withModel(
  name: string,
  use: (build: Build, checkpoint: Checkpoint, directory: string) => void,
): Promise<void> {
  const { given } = readGolden(name).configs;
  return withTemporaryDirectory(async (directory) => {
    const checkpoint = writeGoldenWeights(directory, given);
    const build: Build = (changed = {}, options = {}) =>
      buildModel(directory, { ...given, ...changed }, checkpoint, options);
    use(build, checkpoint, directory);
  });
}

/** The elements of a tensor of a golden checkpoint. */
function goldenElements(name: string, tensor: string): Float32Array {
  const found = goldenWeights(readGolden(name).configs.given).find((candidate) => candidate.name === tensor);
  assert.instance(found?.data, Float32Array);
  return found?.data as Float32Array;
}

const longrope = { type: 'longrope', short_factor: Array(8).fill(1), long_factor: Array(8).fill(2) };

const refused: readonly (readonly [golden: string, changed: Fields, message: RegExp])[] = [
  ['llama', { architectures: ['MambaForCausalLM'] }, /MambaForCausalLM is not supported/],
  ['llama', { hidden_act: 'quick_gelu' }, /hidden_act must be one of relu, .*gelu_pytorch_tanh, got "quick_gelu"/],
  ['llama', { num_key_value_heads: 3 }, /num_attention_heads must be a multiple of the 3 key-value heads, not 2/],
  ['llama', { num_attention_heads: 8 }, /num_attention_heads makes heads of 4; .* a multiple of 8/],
  ['llama', { head_dim: 20 }, /head_dim makes heads of 20; .* a multiple of 8/],
  ['llama', { hidden_size: 33 }, /hidden_size must be a multiple of num_attention_heads \(2\)/],
  ['llama', { vocab_size: 2 ** 30 }, /vocab_size must be an integer from 1 to 16777216/],
  ['llama', { max_position_embeddings: 2 ** 30 }, /max_position_embeddings must be an integer from 1 to/],
  ['llama', { max_position_embeddings: 2 ** 26 }, /max_position_embeddings \(67108864\) makes tables of angles of mo/],
  ['llama', { sliding_window: 7 }, /sliding_window is not supported \(7\)/],
  ['llama', { quantization_config: { bits: 4 } }, /quantization_config is not supported/],
  ['llama', { is_encoder_decoder: true }, /is_encoder_decoder true is not supported, only false/],
  ['llama', { rope_interleaved: true }, /rope_interleaved true is not supported/],
  ['llama', { rope_theta: 0 }, /rope_theta must be positive, not 0/],
  ['llama', { rope_scaling: { type: 'yarn', factor: 2 } }, /rope_scaling\.type must be one of default, .*got "yarn"/],
  ['llama', { rope_scaling: { type: 'linear' } }, /rope_scaling\.factor is missing/],
  ['llama', { rope_scaling: { type: 'linear', factor: 0 } }, /rope_scaling\.factor must be positive, not 0/],
  ['llama', { rope_scaling: { type: 'linear', factor: 2, alpha: 3 } }, /rope_scaling\.alpha is not supported/],
  ['llama', { rope_parameters: { full_attention: { rope_theta: 1 } } }, /rope_parameters\.full_attention is not supp/],
  ['llama', { rope_parameters: { factor: 2 } }, /rope_parameters\.factor is not supported/],
  [
    'llama',
    { rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4 } },
    /high_freq_factor must be more than low_freq_factor \(4\)/,
  ],
  ['llama', { partial_rotary_factor: 2 }, /partial_rotary_factor turns 32 of the 16 dimensions of a head/],
  ['llama', { partial_rotary_factor: 0.2 }, /partial_rotary_factor turns 3 of the 16 dimensions of a head/],
  ['phi3', { rope_scaling: { ...longrope, short_factor: [1] } }, /short_factor must be 8 positive numbers/],
  ['phi3', { rope_scaling: { ...longrope, short_factor: 'x' } }, /short_factor must be a list of numbers/],
  ['phi3', { attention_bias: true }, /attention_bias true is not supported/],
  ['mistral', { layer_types: ['sliding_attention'] }, /layer_types is not supported/],
  ['mistral', { sliding_window: 0 }, /sliding_window must be a positive integer, got 0/],
  ['qwen2', { use_mrope: true }, /use_mrope true is not supported/],
  ['qwen2', { layer_types: ['full_attention'] }, /layer_types must be 2 times full_attention or sliding_attention/],
  ['qwen2', { layer_types: ['full_attention', 'chunked_attention'] }, /layer_types must be 2 times/],
  ['qwen2', { layer_types: ['full_attention', 'sliding_attention'] }, /has sliding_attention, but there is no slid/],
  ['gemma', { hidden_act: 'relu' }, /hidden_act "relu" is not supported/],
  ['gemma', { hidden_activation: 'gelu' }, /hidden_activation "gelu" is not supported/],
  ['gemma2', { use_bidirectional_attention: true }, /use_bidirectional_attention true is not supported/],
  ['gemma2', { attn_logit_softcapping: -1 }, /attn_logit_softcapping must be positive, not -1/],
  ['gpt2', { add_cross_attention: true }, /add_cross_attention true is not supported/],
  ['gpt2', { n_head: 3 }, /n_embd must be a multiple of n_head \(3\)/],
  ['opt', { do_layer_norm_before: false }, /do_layer_norm_before is false/],
];

for (const [name, changed, message] of refused) {
  test(`refused: ${name} with ${JSON.stringify(changed)}`, () =>
    withModel(name, (build) => {
      assert.match(inputError(() => build(changed)).message, message);
    }));
}

test('the error about an architecture names those there are', () =>
  withModel('llama', (build) => {
    const { suggestion } = inputError(() => build({ architectures: ['MambaForCausalLM'] }));
    const names = ['OPT', 'Llama', 'Mistral', 'Qwen2', 'Qwen3', 'Phi3', 'Gemma', 'Gemma2'].map(
      (one) => `${one}ForCausalLM`,
    );
    assert.is(suggestion, `supported are ${[...names, 'GPT2LMHeadModel'].join(', ')}`);
  }));

/** Fields that the config.json of published models have besides those of the goldens. */
const published: readonly (readonly [model: string, golden: string, fields: Fields])[] = [
  [
    'SmolLM2',
    'llama-gqa-tied',
    {
      is_llama_config: true,
      pretraining_tp: 1,
      rope_interleaved: false,
      rope_scaling: null,
      torch_dtype: 'bfloat16',
      'transformers.js_config': { kv_cache_dtype: { q4f16: 'float16' } },
    },
  ],
  ['Llama 3', 'llama-rope-llama3', { eos_token_id: [2, 3], head_dim: 16, mlp_bias: false, attention_bias: false }],
  ['Mistral 7B', 'mistral', { head_dim: null, attention_dropout: 0, use_cache: true }],
  ['Qwen2.5', 'qwen2', { use_mrope: false, attention_dropout: 0 }],
  ['Phi-3-mini', 'phi3', { auto_map: { AutoConfig: 'x.Y' }, attention_bias: false, rope_scaling: null }],
  ['Phi-4-mini', 'phi3', { full_attn_mod: 1, interpolate_factor: 1, lm_head_bias: false, mlp_bias: false }],
  ['Gemma', 'gemma', { hidden_act: 'gelu', hidden_activation: null, rope_scaling: null }],
  ['Gemma 2', 'gemma2', { cache_implementation: 'hybrid', hidden_act: 'gelu_pytorch_tanh' }],
  ['GPT-2', 'gpt2', { summary_type: 'cls_index', task_specific_params: { 'text-generation': { max_length: 50 } } }],
  ['OPT', 'opt', { _remove_final_layer_norm: false, prefix: '</s>', layerdrop: 0, init_std: 0.02 }],
];

for (const [model, golden, fields] of published) {
  test(`what ${model} has in its config.json is let through`, () =>
    withModel(golden, (build) => {
      assert.equal(build(fields).info, build().info);
    }));
}

test('a missing window is the one that transformers takes, null is none', () =>
  withModel('mistral', (build) => {
    assert.is(build({ sliding_window: undefined }).info.slidingWindow, 4096);
    assert.is(build({ sliding_window: null }).info.slidingWindow, undefined);
  }));

test('rotations that change with the length of the text end where they would', () =>
  withModel('phi3', (build) => {
    const info = build({ max_position_embeddings: 128, rope_scaling: longrope }).info;
    assert.is(info.maximumPositions, 64);
    const former = { ...longrope, type: 'su' };
    assert.equal(build({ max_position_embeddings: 128, rope_scaling: former }).info, info);
  }));

test('the first layers of a model alone can be built', () =>
  withModel('gemma2', (build) => {
    const { model, info } = build({}, { layers: 1 });
    assert.is(info.layers, 1);
    assert.is(model.graph.nodes.filter(({ opType }) => opType === 'Attention').length, 1);
    const { message } = inputError(() => build({}, { layers: 4 }));
    assert.match(message, /num_hidden_layers is 3; the recipe asks for the first 4 layers/);
  }));

test('linear layers that a checkpoint has fused are its rows', () =>
  withModel('phi3', (build) => {
    const { model } = build();
    const weight = (path: string): Float32Array =>
      float32Of(model.graph.initializers.get(`model.layers.0.${path}.weight`)!.initializer!);
    const golden = goldenElements('phi3', 'model.layers.0.self_attn.qkv_proj.weight');
    // 32 queries, 16 keys, 16 values of 32 features, as [features, outputs].
    const [key, up] = [weight('self_attn.k_proj'), weight('mlp.up_proj')];
    assert.is(key[3 * 16 + 5], golden[(32 + 5) * 32 + 3]);
    assert.is(up[3 * 48 + 5], goldenElements('phi3', 'model.layers.0.mlp.gate_up_proj.weight')[(48 + 5) * 32 + 3]);
  }));

test('the weights of norms are what they multiply by', () =>
  withModel('gemma', (build) => {
    const norm = build().model.graph.initializers.get('model.norm.weight')!.initializer!;
    const stored = goldenElements('gemma', 'model.norm.weight');
    assert.equal(
      [...float32Of(norm)],
      [...stored].map((value) => Math.fround(value + 1)),
    );
  }));

for (const [name, prefix, table] of [
  ['llama-gqa-tied', 'model.', 'embed_tokens.weight'],
  ['gpt2', 'transformer.', 'wte.weight'],
] as const) {
  test(`a checkpoint of the base model has its tensors without ${prefix} (${name})`, () =>
    withModel(name, (_build, checkpoint, directory) => {
      const { given } = readGolden(name).configs;
      const tensors = new Map([...checkpoint.tensors].map(([path, tensor]) => [path.replace(prefix, ''), tensor]));
      const { model } = buildModel(directory, given, { ...checkpoint, tensors });
      assert.ok(model.graph.initializers.has(`${prefix}${table}`));
      tensors.delete(table);
      const { message } = inputError(() => buildModel(directory, given, { ...checkpoint, tensors }));
      assert.is(message, `the checkpoint has no tensor ${prefix}${table}`);
    }));
}

test.run();
