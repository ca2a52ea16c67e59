import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { ModelConfig } from '../checkpoints/config.js';
import { bookkeepingFields } from '../checkpoints/config.js';
import { int } from '../onnx/attribute.js';
import { Model } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';
import type { Architecture, BuildModelOptions, BuiltModel } from './architecture.js';
import { CheckpointWeights } from './checkpoint-weights.js';
import { GraphBuilder } from './graph-builder.js';

/** Sizes of an OPT model (Zhang et al. 2022, arXiv 2205.01068). */
interface OptSizes {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  readonly positions: number;
  readonly hasBias: boolean;
  readonly isTied: boolean;
}

/** Rows that stand before position 0 in OPT's embedding of positions. */
const positionOffset = 2;
/** PyTorch's default, which OPT does not override. */
const normEpsilon = 1e-5;
const modelOpset = 24;
/** GroupQueryAttention of ONNX Runtime takes no other sizes of heads. */
const headSizeStep = 8;

/** Fields that concern training or text generation only. */
const harmlessFields = new Set([
  ...bookkeepingFields,
  'activation_dropout',
  'init_std',
  'layerdrop',
  'prefix',
  'word_embed_proj_dim',
]);

export const opt: Architecture = {
  names: ['OPTForCausalLM'],
  build(config: ModelConfig, checkpoint: Checkpoint, options: BuildModelOptions): BuiltModel {
    const sizes = readSizes(config, options);
    const info = {
      architecture: config.architecture,
      vocabularySize: sizes.vocabulary,
      hiddenSize: sizes.hidden,
      layers: sizes.layers,
      heads: sizes.heads,
      keyValueHeads: sizes.heads,
      headSize: sizes.hidden / sizes.heads,
      maximumPositions: sizes.positions,
    };
    return { model: new OptBuilder(sizes, checkpoint).build(), info };
  },
};

function readSizes({ fields }: ModelConfig, options: BuildModelOptions): OptSizes {
  const hidden = fields.integer('hidden_size', { min: 1 });
  const heads = fields.integer('num_attention_heads', { min: 1 });
  const layers = fields.integer('num_hidden_layers', { min: 1, max: 1000 });
  if (!fields.boolean('do_layer_norm_before', { default: true })) {
    throw fields.error(
      'do_layer_norm_before',
      'is false: layer norms behind the residual addition (opt-350m) are not supported, because the smoothing of linear layers by the norm in front of them does not exist there',
    );
  }
  if (fields.integer('word_embed_proj_dim', { min: 1, default: hidden }) !== hidden) {
    throw fields.error(
      'word_embed_proj_dim',
      'differs from hidden_size: projections of the embedding are not supported',
    );
  }
  fields.require('activation_function', 'relu');
  fields.require('layer_norm_elementwise_affine', true);
  fields.require('_remove_final_layer_norm', false);
  if (hidden % heads !== 0) throw fields.error('hidden_size', `must be a multiple of num_attention_heads (${heads})`);
  if ((hidden / heads) % headSizeStep !== 0) {
    throw fields.error(
      'num_attention_heads',
      `makes heads of ${hidden / heads}; attention kernels need a multiple of ${headSizeStep}`,
    );
  }
  const wanted = options.layers ?? layers;
  if (wanted > layers)
    throw fields.error('num_hidden_layers', `is ${layers}; the recipe asks for the first ${wanted} layers`);
  const sizes: OptSizes = {
    vocabulary: fields.integer('vocab_size', { min: 1 }),
    hidden,
    feedForward: fields.integer('ffn_dim', { min: 1 }),
    layers: wanted,
    heads,
    positions: fields.integer('max_position_embeddings', { min: 1 }),
    hasBias: fields.boolean('enable_bias', { default: true }),
    isTied: fields.boolean('tie_word_embeddings', { default: true }),
  };
  fields.refuseUnread(harmlessFields);
  return sizes;
}

/** The checkpoints of OPT have their tensors under `model.decoder.` or, saved from the base model, under `decoder.`. */
function weightsOf(checkpoint: Checkpoint): CheckpointWeights {
  const prefix = checkpoint.tensors.has('model.decoder.embed_tokens.weight') ? 'model.' : '';
  return new CheckpointWeights(checkpoint, 'the checkpoint', prefix);
}

class OptBuilder {
  readonly #sizes: OptSizes;
  readonly #weights: CheckpointWeights;
  readonly #checkpoint: Checkpoint;
  readonly #builder = new GraphBuilder('opt');

  constructor(sizes: OptSizes, checkpoint: Checkpoint) {
    this.#sizes = sizes;
    this.#checkpoint = checkpoint;
    this.#weights = weightsOf(checkpoint);
  }

  build(): Model {
    const builder = this.#builder;
    const { hidden, layers, vocabulary, heads } = this.#sizes;
    let stream = this.#embedding();
    for (let layer = 0; layer < layers; layer++) stream = this.#decoderLayer(layer, stream);
    const normed = builder.layerNorm(
      'model.decoder.final_layer_norm',
      stream,
      this.#norm('decoder.final_layer_norm'),
      normEpsilon,
    );
    const logits = builder.linear('lm_head', normed, { weight: this.#headWeight() });
    logits.type = { dataType: 'float32', shape: ['batch', 'sequence', vocabulary] };
    builder.graph.addOutput(logits);
    for (let layer = 0; layer < layers; layer++) builder.addCacheOutputs(layer, heads, hidden / heads);
    builder.graph.rename(logits, 'logits');
    return new Model({ graph: builder.graph, opsets: new Map([['', modelOpset]]) });
  }

  /** Embedding of the tokens plus that of their positions, which go on where the past ends. */
  #embedding(): Value {
    const builder = this.#builder;
    const { vocabulary, hidden, positions } = this.#sizes;
    const tokens = builder.graph.addInput('input_ids', { dataType: 'int64', shape: ['batch', 'sequence'] });
    const mask = builder.graph.addInput('attention_mask', { dataType: 'int64', shape: ['batch', 'total_sequence'] });
    const length = (name: string, value: Value): Value =>
      builder.node('Squeeze', `${name}/scalar`, [
        builder.node('Shape', name, [value], { start: int(1), end: int(2) }),
        builder.integers(0),
      ]);
    const path = 'model.decoder.embed_positions';
    const total = length(`${path}/total_length`, mask);
    const past = builder.node('Sub', `${path}/past_length`, [total, length(`${path}/sequence_length`, tokens)]);
    const range = builder.node('Range', `${path}/positions`, [past, total, builder.integer(1)]);
    const rows = builder.node('Add', `${path}/rows`, [range, builder.integer(positionOffset)]);
    const positionTable = this.#weights.tensor('decoder.embed_positions.weight', [positions + positionOffset, hidden]);
    const tokenTable = this.#weights.tensor('decoder.embed_tokens.weight', [vocabulary, hidden]);
    return builder.node('Add', 'model.decoder.embed', [
      builder.node('Gather', 'model.decoder.embed_tokens', [
        builder.constant('model.decoder.embed_tokens.weight', tokenTable),
        tokens,
      ]),
      builder.node('Gather', path, [builder.constant(`${path}.weight`, positionTable), rows]),
    ]);
  }

  #decoderLayer(layer: number, stream: Value): Value {
    const builder = this.#builder;
    const { hidden, feedForward, heads } = this.#sizes;
    const path = `decoder.layers.${layer}`;
    const name = `model.${path}`;
    const linear = (module: string, input: Value, from: number, to: number): Value =>
      builder.linear(`${name}.${module}`, input, this.#linear(`${path}.${module}`, from, to));
    const norm = (module: string, input: Value): Value =>
      builder.layerNorm(`${name}.${module}`, input, this.#norm(`${path}.${module}`), normEpsilon);

    const attentionInput = norm('self_attn_layer_norm', stream);
    const headSize = hidden / heads;
    const attended = builder.attention(
      `${name}.self_attn`,
      layer,
      {
        query: linear('self_attn.q_proj', attentionInput, hidden, hidden),
        key: linear('self_attn.k_proj', attentionInput, hidden, hidden),
        value: linear('self_attn.v_proj', attentionInput, hidden, hidden),
      },
      { heads, keyValueHeads: heads, scale: headSize ** -0.5 },
      headSize,
    );
    const afterAttention = builder.node('Add', `${name}/self_attn_residual`, [
      stream,
      linear('self_attn.out_proj', attended, hidden, hidden),
    ]);
    const widened = linear('fc1', norm('final_layer_norm', afterAttention), hidden, feedForward);
    const activated = builder.node('Relu', `${name}.activation_fn`, [widened]);
    return builder.node('Add', `${name}/mlp_residual`, [afterAttention, linear('fc2', activated, feedForward, hidden)]);
  }

  #norm(path: string): {
    weight: ReturnType<CheckpointWeights['tensor']>;
    bias: ReturnType<CheckpointWeights['tensor']>;
  } {
    const dims = [this.#sizes.hidden];
    return { weight: this.#weights.tensor(`${path}.weight`, dims), bias: this.#weights.tensor(`${path}.bias`, dims) };
  }

  #linear(path: string, from: number, to: number): Parameters<GraphBuilder['linear']>[2] {
    const weight = this.#weights.linear(`${path}.weight`, from, to);
    return this.#sizes.hasBias ? { weight, bias: this.#weights.tensor(`${path}.bias`, [to]) } : { weight };
  }

  /** A tied head is the transposed token embedding. */
  #headWeight(): ReturnType<CheckpointWeights['linear']> {
    const { hidden, vocabulary, isTied } = this.#sizes;
    if (isTied) return this.#weights.linear('decoder.embed_tokens.weight', hidden, vocabulary);
    return new CheckpointWeights(this.#checkpoint, 'the checkpoint').linear('lm_head.weight', hidden, vocabulary);
  }
}
