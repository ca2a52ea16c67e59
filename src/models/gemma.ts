import type { ConfigReader } from '../checkpoints/config-reader.js';
import { attentionBiases, gatedArchitecture, readSlidingWindow, readWindows } from './gated-config.js';
import type { GatedDecoder } from './gated-decoder.js';

/** What transformers takes these fields to be when a config.json does not have them. */
const usual = { queryScalar: 256, attentionSoftcap: 50, logitSoftcap: 30, slidingWindow: 4096 };

/** Norms whose weights are 1 more than the checkpoint has them, and a token embedding times sqrt(hidden size). */
function gemmaParts(hidden: number): Pick<GatedDecoder, 'normOffset' | 'embeddingScale'> {
  return { normOffset: 1, embeddingScale: Math.sqrt(hidden) };
}

/** Gemma (arXiv 2403.08295): Llama with the parts above and a MLP gated by the tanh form of GELU. */
export const gemma = gatedArchitecture({
  architecture: 'GemmaForCausalLM',
  name: 'gemma',
  // Its first checkpoints have `hidden_act: gelu` and mean the tanh form, as transformers knows.
  activation: { field: 'hidden_activation', usual: 'gelu-tanh' },
  isTied: true,
  harmlessFields: [],
  describe(fields, { sizes }) {
    fields.require('hidden_act', 'gelu_pytorch_tanh', 'gelu');
    fields.require('hidden_activation', 'gelu_pytorch_tanh');
    fields.require('use_bidirectional_attention', false);
    return {
      ...gemmaParts(sizes.hidden),
      biases: attentionBiases(fields.boolean('attention_bias', { default: false })),
    };
  },
});

/** Gemma 2 (arXiv 2408.00118): norms of the results too, bounded scores and logits, every other layer with a window. */
export const gemma2 = gatedArchitecture({
  architecture: 'Gemma2ForCausalLM',
  name: 'gemma2',
  activation: { field: 'hidden_activation', usual: 'gelu-tanh' },
  isTied: true,
  // Gemma 2 reads `hidden_activation` alone.
  harmlessFields: ['hidden_act'],
  describe(fields, { sizes }) {
    fields.require('use_bidirectional_attention', false);
    return {
      ...gemmaParts(sizes.hidden),
      resultNorms: true,
      biases: attentionBiases(fields.boolean('attention_bias', { default: false })),
      attentionScale: readPositive(fields, 'query_pre_attn_scalar', usual.queryScalar) ** -0.5,
      attentionSoftcap: readSoftcap(fields, 'attn_logit_softcapping', usual.attentionSoftcap),
      logitSoftcap: readSoftcap(fields, 'final_logit_softcapping', usual.logitSoftcap),
      windowOf: readWindows(fields, readSlidingWindow(fields, usual.slidingWindow), (layer) => layer % 2 === 0),
    };
  },
});

/** A bound that null turns off. */
function readSoftcap(fields: ConfigReader, name: string, usualCap: number): number | undefined {
  return fields.isNull(name) ? undefined : readPositive(fields, name, usualCap);
}

function readPositive(fields: ConfigReader, name: string, usualValue: number): number {
  const value = fields.number(name, { default: usualValue });
  if (value > 0) return value;
  throw fields.error(name, `must be positive, not ${value}`);
}
