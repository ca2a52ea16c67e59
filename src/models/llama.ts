import { attentionBiases, gatedArchitecture } from './gated-config.js';
import type { Projection } from './gated-decoder.js';

const feedForwardModules = ['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'] as const satisfies readonly Projection[];

/** Llama 1, 2 and 3 (arXiv 2302.13971, 2307.09288, 2407.21783), and models that only differ in sizes: TinyLlama, SmolLM2. */
export const llama = gatedArchitecture({
  architecture: 'LlamaForCausalLM',
  name: 'llama',
  activation: { field: 'hidden_act', usual: 'silu' },
  isTied: false,
  // `pretraining_tp` splits products into parts that are added up: the same function.
  harmlessFields: ['pretraining_tp', 'is_llama_config', 'max_sequence_length'],
  describe(fields) {
    const attention = attentionBiases(fields.boolean('attention_bias', { default: false }));
    const hasFeedForwardBias = fields.boolean('mlp_bias', { default: false });
    return { biases: new Set([...attention, ...(hasFeedForwardBias ? feedForwardModules : [])]) };
  },
});
