import { gatedArchitecture, readSlidingWindow } from './gated-config.js';
import type { FusedProjection } from './gated-decoder.js';

/**
 * Phi-3 (arXiv 2404.14219) and Phi-4-mini: Llama whose checkpoints keep queries, keys and values in one linear layer, gate
 * and up in another. Here they are linear layers of their own, under the names that Llama gives them.
 */
export const phi3 = gatedArchitecture({
  architecture: 'Phi3ForCausalLM',
  name: 'phi3',
  activation: { field: 'hidden_act', usual: 'silu' },
  isTied: false,
  // The original number of positions only counts where the rotation is scaled, which reads it.
  harmlessFields: ['embd_pdrop', 'resid_pdrop', 'original_max_position_embeddings'],
  describe(fields, { sizes, feedForward }) {
    for (const name of ['attention_bias', 'mlp_bias', 'lm_head_bias']) fields.require(name, false);
    for (const name of ['full_attn_mod', 'interpolate_factor']) fields.require(name, 1);
    const window = readSlidingWindow(fields, undefined);
    const queries = sizes.heads * sizes.headSize;
    const keys = sizes.keyValueHeads * sizes.headSize;
    const attention = (firstFeature: number): FusedProjection => ({
      module: 'self_attn.qkv_proj',
      firstFeature,
      outputFeatures: queries + 2 * keys,
    });
    const gated = (firstFeature: number): FusedProjection => ({
      module: 'mlp.gate_up_proj',
      firstFeature,
      outputFeatures: 2 * feedForward,
    });
    return {
      windowOf: () => window,
      fused: {
        'self_attn.q_proj': attention(0),
        'self_attn.k_proj': attention(queries),
        'self_attn.v_proj': attention(queries + keys),
        'mlp.gate_proj': gated(0),
        'mlp.up_proj': gated(feedForward),
      },
    };
  },
});
