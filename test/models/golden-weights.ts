import type { TensorToWrite } from '../../src/checkpoints/safetensors-writer.js';

/** FNV-1a, 32 bits. */
function hashName(name: string): number {
  return Buffer.from(name).reduce((state, byte) => Math.imul(state ^ byte, 16777619) >>> 0, 2166136261);
}

/** The weights that `weight` of golden/make.py makes for a tensor of this name. */
export function goldenTensor(name: string, dims: readonly number[]): TensorToWrite {
  const isNorm = dims.length === 1 && /norm|ln_/.test(name) && name.endsWith('weight');
  const centre = isNorm ? 1 : 0;
  let state = hashName(name);
  const data = Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return centre + (state / 2 ** 32 - 0.5) * 0.75;
  });
  return { name, dataType: 'float32', dims, data };
}

type Shapes = { readonly [name: string]: readonly number[] };

/** The tensors that the checkpoint of a model with this config.json has. Norms and biases that it does not read are there too. */
export function goldenWeights(config: { readonly [field: string]: unknown }): TensorToWrite[] {
  return Object.entries(weightShapes(config)).map(([name, dims]) => goldenTensor(name, dims));
}

/** The shapes of these tensors. */
export function weightShapes(config: { readonly [field: string]: unknown }): Shapes {
  const size = (name: string, usual?: number): number => {
    const value = config[name] ?? usual;
    if (typeof value !== 'number') throw new Error(`${name} is no size`);
    return value;
  };
  const shapesOf = { gpt2: gpt2Shapes, opt: optShapes }[String(config.model_type)] ?? gatedShapes;
  return shapesOf(size, config);
}

type SizeOf = (name: string, usual?: number) => number;

/** The shapes of `count` layers, whose names begin with their number. */
function repeat(prefix: string, count: number, layer: Shapes): Shapes {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) =>
      Object.entries(layer).map(([name, dims]) => [`${prefix}.${index}.${name}`, dims] as const),
    ).flat(),
  );
}

function gatedShapes(size: SizeOf, config: { readonly [field: string]: unknown }): Shapes {
  const [vocabulary, hidden, wide] = [size('vocab_size'), size('hidden_size'), size('intermediate_size')];
  const heads = size('num_attention_heads');
  const headSize = size('head_dim', hidden / heads);
  const [queries, keys] = [heads * headSize, size('num_key_value_heads', heads) * headSize];
  const isFused = config.model_type === 'phi3';
  const attention: Shapes = isFused
    ? { 'self_attn.qkv_proj.weight': [queries + 2 * keys, hidden], 'mlp.gate_up_proj.weight': [2 * wide, hidden] }
    : {
        'self_attn.q_proj.weight': [queries, hidden],
        'self_attn.k_proj.weight': [keys, hidden],
        'self_attn.v_proj.weight': [keys, hidden],
        'mlp.gate_proj.weight': [wide, hidden],
        'mlp.up_proj.weight': [wide, hidden],
      };
  return {
    'model.embed_tokens.weight': [vocabulary, hidden],
    'lm_head.weight': [vocabulary, hidden],
    'model.norm.weight': [hidden],
    ...repeat('model.layers', size('num_hidden_layers'), {
      ...attention,
      'self_attn.q_proj.bias': [queries],
      'self_attn.k_proj.bias': [keys],
      'self_attn.v_proj.bias': [keys],
      'self_attn.o_proj.weight': [hidden, queries],
      'self_attn.o_proj.bias': [hidden],
      'self_attn.q_norm.weight': [headSize],
      'self_attn.k_norm.weight': [headSize],
      'mlp.gate_proj.bias': [wide],
      'mlp.up_proj.bias': [wide],
      'mlp.down_proj.weight': [hidden, wide],
      'mlp.down_proj.bias': [hidden],
      'input_layernorm.weight': [hidden],
      'post_attention_layernorm.weight': [hidden],
      'pre_feedforward_layernorm.weight': [hidden],
      'post_feedforward_layernorm.weight': [hidden],
    }),
  };
}

function gpt2Shapes(size: SizeOf): Shapes {
  const hidden = size('n_embd');
  const wide = size('n_inner', 4 * hidden);
  return {
    'transformer.wte.weight': [size('vocab_size'), hidden],
    'transformer.wpe.weight': [size('n_positions'), hidden],
    'transformer.ln_f.weight': [hidden],
    'transformer.ln_f.bias': [hidden],
    ...repeat('transformer.h', size('n_layer'), {
      'ln_1.weight': [hidden],
      'ln_1.bias': [hidden],
      'attn.c_attn.weight': [hidden, 3 * hidden],
      'attn.c_attn.bias': [3 * hidden],
      'attn.c_proj.weight': [hidden, hidden],
      'attn.c_proj.bias': [hidden],
      'ln_2.weight': [hidden],
      'ln_2.bias': [hidden],
      'mlp.c_fc.weight': [hidden, wide],
      'mlp.c_fc.bias': [wide],
      'mlp.c_proj.weight': [wide, hidden],
      'mlp.c_proj.bias': [hidden],
    }),
  };
}

function optShapes(size: SizeOf): Shapes {
  const [hidden, wide] = [size('hidden_size'), size('ffn_dim')];
  const embedding = size('word_embed_proj_dim', hidden);
  const linears = ['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((name) => [
    [`self_attn.${name}.weight`, [hidden, hidden]] as const,
    [`self_attn.${name}.bias`, [hidden]] as const,
  ]);
  return {
    'model.decoder.embed_tokens.weight': [size('vocab_size'), embedding],
    'model.decoder.embed_positions.weight': [size('max_position_embeddings') + 2, hidden],
    'model.decoder.project_in.weight': [hidden, embedding],
    'model.decoder.project_out.weight': [embedding, hidden],
    'model.decoder.final_layer_norm.weight': [hidden],
    'model.decoder.final_layer_norm.bias': [hidden],
    ...repeat('model.decoder.layers', size('num_hidden_layers'), {
      ...Object.fromEntries(linears),
      'self_attn_layer_norm.weight': [hidden],
      'self_attn_layer_norm.bias': [hidden],
      'fc1.weight': [wide, hidden],
      'fc1.bias': [wide],
      'fc2.weight': [hidden, wide],
      'fc2.bias': [hidden],
      'final_layer_norm.weight': [hidden],
      'final_layer_norm.bias': [hidden],
    }),
  };
}
