import type { JsonObject } from '../../json.js';
import type { ModelInfo } from '../../models/architecture.js';
import type { Graph } from '../../onnx/ir.js';
import type { ModelFiles } from '../../onnx/write.js';

/** Families that onnxruntime-genai knows by name. To it all others are a `decoder`. */
const families: { readonly [architecture: string]: string } = {
  GemmaForCausalLM: 'gemma',
  Gemma2ForCausalLM: 'gemma2',
  LlamaForCausalLM: 'llama',
  MistralForCausalLM: 'mistral',
  Phi3ForCausalLM: 'phi3',
  Qwen2ForCausalLM: 'qwen2',
  Qwen3ForCausalLM: 'qwen3',
};

/** The `genai_config.json` by which onnxruntime-genai opens a model. It answers greedily unless told otherwise. */
export function genaiConfig(graph: Graph, info: ModelInfo, files: ModelFiles): JsonObject {
  const { architecture, eosTokenIds = [], bosTokenId } = info;
  const [eos] = eosTokenIds;
  const type = Object.hasOwn(families, architecture) ? families[architecture] : undefined;
  // GroupQueryAttention writes into the cache that it reads; the standard's Attention makes another one for each token.
  const growsInPlace = graph.nodes.some(({ opType }) => opType === 'GroupQueryAttention');
  return {
    model: {
      ...(bosTokenId === undefined ? {} : { bos_token_id: bosTokenId }),
      context_length: info.maximumPositions,
      decoder: {
        session_options: { log_id: 'onnxruntime-genai', provider_options: [] },
        filename: files.model,
        head_size: info.headSize,
        hidden_size: info.hiddenSize,
        inputs: {
          input_ids: 'input_ids',
          attention_mask: 'attention_mask',
          past_key_names: 'past_key_values.%d.key',
          past_value_names: 'past_key_values.%d.value',
        },
        outputs: {
          logits: 'logits',
          present_key_names: 'present.%d.key',
          present_value_names: 'present.%d.value',
        },
        num_attention_heads: info.heads,
        num_hidden_layers: info.layers,
        num_key_value_heads: info.keyValueHeads,
      },
      ...(eos === undefined
        ? {}
        : { eos_token_id: eosTokenIds.length === 1 ? eos : [...eosTokenIds], pad_token_id: eos }),
      type: type ?? 'decoder',
      vocab_size: info.vocabularySize,
    },
    search: {
      do_sample: false,
      max_length: info.maximumPositions,
      min_length: 0,
      num_beams: 1,
      num_return_sequences: 1,
      past_present_share_buffer: growsInPlace,
      repetition_penalty: 1,
      temperature: 1,
      top_k: 1,
      top_p: 1,
    },
  };
}
