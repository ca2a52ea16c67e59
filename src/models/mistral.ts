import { gatedArchitecture, readSlidingWindow } from './gated-config.js';

/** What transformers takes `sliding_window` to be when a config.json does not have it. */
const usualWindow = 4096;

/** Mistral 7B (arXiv 2310.06825): Llama with a window that all layers see through, unless `sliding_window` is null. */
export const mistral = gatedArchitecture({
  architecture: 'MistralForCausalLM',
  name: 'mistral',
  activation: { field: 'hidden_act', usual: 'silu' },
  isTied: false,
  harmlessFields: [],
  describe(fields) {
    const window = readSlidingWindow(fields, usualWindow);
    return { windowOf: () => window };
  },
});
