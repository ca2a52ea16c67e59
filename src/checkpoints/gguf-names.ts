/** Modules of a decoder layer in transformers by their names in GGUF (`MODEL_TENSORS` of gguf-py). */
const layerModules: { readonly [name: string]: string } = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const outerModules: { readonly [name: string]: string } = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

/** The name that transformers gives to a tensor of a Llama-like model in GGUF, or `undefined` for one that it lacks. */
export function transformersName(name: string): string | undefined {
  const [, layer, module = '', kind] = /^(?:blk\.(\d+)\.)?([a-z_]+)\.(weight|bias)$/.exec(name) ?? [];
  const modules = layer === undefined ? outerModules : layerModules;
  if (!Object.hasOwn(modules, module)) return undefined;
  const prefix = layer === undefined ? '' : `model.layers.${layer}.`;
  return `${prefix}${modules[module]}.${kind}`;
}
