import type { ConfigReader } from '../checkpoints/config-reader.js';
import { attentionBiases, gatedArchitecture, readSlidingWindow, readWindows } from './gated-config.js';

/** What transformers takes these fields to be when a config.json does not have them. */
const usual = { slidingWindow: 4096, fullLayers: 28 };

/** Layers see a window only if `use_sliding_window` says so: those from `max_window_layers` on, or those of `layer_types`. */
function readQwenWindows(fields: ConfigReader): (layer: number) => number | undefined {
  const isUsed = fields.boolean('use_sliding_window', { default: false });
  const size = readSlidingWindow(fields, usual.slidingWindow);
  const fullLayers = fields.integer('max_window_layers', { min: 0, default: usual.fullLayers });
  return readWindows(fields, isUsed ? size : undefined, (layer) => layer >= fullLayers);
}

/** Qwen2 and Qwen2.5 (arXiv 2407.10671, 2412.15115): Llama with biases of queries, keys and values. */
export const qwen2 = gatedArchitecture({
  architecture: 'Qwen2ForCausalLM',
  name: 'qwen2',
  activation: { field: 'hidden_act', usual: 'silu' },
  isTied: false,
  harmlessFields: [],
  describe(fields) {
    fields.require('use_mrope', false);
    return {
      biases: new Set(['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']),
      windowOf: readQwenWindows(fields),
    };
  },
});

/** Qwen3 (arXiv 2505.09388): Llama with a norm of each head of queries and keys, before their rotation. */
export const qwen3 = gatedArchitecture({
  architecture: 'Qwen3ForCausalLM',
  name: 'qwen3',
  activation: { field: 'hidden_act', usual: 'silu' },
  isTied: false,
  harmlessFields: [],
  describe(fields) {
    return {
      headNorms: true,
      biases: attentionBiases(fields.boolean('attention_bias', { default: false })),
      windowOf: readQwenWindows(fields),
    };
  },
});
