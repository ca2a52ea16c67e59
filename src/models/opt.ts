import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { ModelConfig } from '../checkpoints/config.js';
import { bookkeepingFields } from '../checkpoints/config.js';
import { int } from '../onnx/attribute.js';
import type { Model } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';
import type { Tensor } from '../onnx/tensor.js';
import { type Activation, activate, readActivation } from './activation.js';
import type { Architecture, BuildModelOptions, BuiltModel } from './architecture.js';
import { CheckpointWeights } from './checkpoint-weights.js';
import {
  type DecoderSizes,
  modelInfoOf,
  readDecoderSizes,
  requireDecoderOnly,
  usualSizeFields,
} from './decoder-sizes.js';
import { GraphBuilder, type LinearWeights } from './graph-builder.js';
import { sizeLimits } from './size-limits.js';

/** An OPT model (Zhang et al. 2022, arXiv 2205.01068). */
interface OptDescription {
  readonly sizes: DecoderSizes;
  readonly feedForward: number;
  /** Features of the token embedding, which projections bring to the hidden size and back where it is another. */
  readonly embedding: number;
  readonly activation: Activation;
  readonly hasBias: boolean;
  readonly isTied: boolean;
}

/** Rows that stand before position 0 in OPT's embedding of positions. */
const positionOffset = 2;
/** PyTorch's default, which OPT does not override. */
const normEpsilon = 1e-5;

/** Fields that concern training or text generation only. */
const harmlessFields = new Set([...bookkeepingFields, 'activation_dropout', 'init_std', 'layerdrop', 'prefix']);

export const opt: Architecture = {
  names: ['OPTForCausalLM'],
  build(config: ModelConfig, checkpoint: Checkpoint, options: BuildModelOptions): BuiltModel {
    const description = readDescription(config, options);
    const model = new OptBuilder(description, checkpoint).build();
    return { model, info: modelInfoOf(config, description.sizes) };
  },
};

function readDescription({ fields }: ModelConfig, options: BuildModelOptions): OptDescription {
  if (!fields.boolean('do_layer_norm_before', { default: true })) {
    throw fields.error(
      'do_layer_norm_before',
      'is false: layer norms behind the residual addition (opt-350m) are not supported, because the smoothing of linear layers by the norm in front of them does not exist there',
    );
  }
  requireDecoderOnly(fields);
  fields.require('layer_norm_elementwise_affine', true);
  fields.require('_remove_final_layer_norm', false);
  const sizes = readDecoderSizes(fields, usualSizeFields, options);
  const description = {
    sizes,
    feedForward: fields.integer('ffn_dim', { min: 1, max: sizeLimits.feedForward }),
    embedding: fields.integer('word_embed_proj_dim', { min: 1, max: sizeLimits.hiddenSize, default: sizes.hidden }),
    activation: readActivation(fields, 'activation_function', 'relu'),
    hasBias: fields.boolean('enable_bias', { default: true }),
    isTied: fields.boolean('tie_word_embeddings', { default: true }),
  };
  fields.refuseUnread(harmlessFields);
  return description;
}

/** The checkpoints of OPT have their tensors under `model.decoder.` or, saved from the base model, under `decoder.`. */
function weightsOf(checkpoint: Checkpoint): CheckpointWeights {
  const prefix = checkpoint.tensors.has('model.decoder.embed_tokens.weight') ? 'model.' : '';
  return new CheckpointWeights(checkpoint, 'the checkpoint', prefix);
}

class OptBuilder {
  readonly #description: OptDescription;
  readonly #weights: CheckpointWeights;
  readonly #checkpoint: Checkpoint;
  readonly #builder: GraphBuilder;

  constructor(description: OptDescription, checkpoint: Checkpoint) {
    this.#description = description;
    this.#checkpoint = checkpoint;
    this.#weights = weightsOf(checkpoint);
    this.#builder = new GraphBuilder('opt', description.sizes);
  }

  build(): Model {
    const builder = this.#builder;
    const { layers, hidden } = this.#description.sizes;
    const { embedding } = this.#description;
    let stream = this.#embedding();
    for (let layer = 0; layer < layers; layer++) stream = this.#decoderLayer(layer, stream);
    const normed = this.#norm('decoder.final_layer_norm', stream);
    const projected = this.#projection('project_out', normed, hidden, embedding);
    return builder.finish(builder.linear('lm_head', projected, { weight: this.#headWeight() }));
  }

  /** Embedding of the tokens plus that of their positions, which go on where the past ends. */
  #embedding(): Value {
    const builder = this.#builder;
    const { embedding, sizes } = this.#description;
    const { hidden, vocabulary, positions } = sizes;
    const length = (name: string, value: Value): Value =>
      builder.node('Squeeze', `${name}/scalar`, [
        builder.node('Shape', name, [value], { start: int(1), end: int(2) }),
        builder.integers(0),
      ]);
    const path = 'model.decoder.embed_positions';
    const total = length(`${path}/total_length`, builder.mask);
    const past = builder.node('Sub', `${path}/past_length`, [total, length(`${path}/sequence_length`, builder.tokens)]);
    const range = builder.node('Range', `${path}/positions`, [past, total, builder.integer(1)]);
    const rows = builder.node('Add', `${path}/rows`, [range, builder.integer(positionOffset)]);
    const positionTable = this.#weights.tensor('decoder.embed_positions.weight', [positions + positionOffset, hidden]);
    const tokenTable = this.#weights.tensor('decoder.embed_tokens.weight', [vocabulary, embedding]);
    const tokens = builder.embedding('model.decoder.embed_tokens', builder.tokens, tokenTable);
    return builder.node('Add', 'model.decoder.embed', [
      this.#projection('project_in', tokens, embedding, hidden),
      builder.embedding(path, rows, positionTable),
    ]);
  }

  #decoderLayer(layer: number, stream: Value): Value {
    const builder = this.#builder;
    const { feedForward, activation, sizes } = this.#description;
    const { hidden, headSize } = sizes;
    const path = `decoder.layers.${layer}`;
    const name = `model.${path}`;
    const linear = (module: string, input: Value, from: number, to: number): Value =>
      builder.linear(`${name}.${module}`, input, this.#linear(`${path}.${module}`, from, to));

    const attentionInput = this.#norm(`${path}.self_attn_layer_norm`, stream);
    const attended = builder.attention(
      `${name}.self_attn`,
      layer,
      {
        query: linear('self_attn.q_proj', attentionInput, hidden, hidden),
        key: linear('self_attn.k_proj', attentionInput, hidden, hidden),
        value: linear('self_attn.v_proj', attentionInput, hidden, hidden),
      },
      { scale: headSize ** -0.5 },
    );
    const afterAttention = builder.node('Add', `${name}/self_attn_residual`, [
      stream,
      linear('self_attn.out_proj', attended, hidden, hidden),
    ]);
    const widened = linear('fc1', this.#norm(`${path}.final_layer_norm`, afterAttention), hidden, feedForward);
    const activated = activate(builder, activation, `${name}.activation_fn`, widened);
    return builder.node('Add', `${name}/mlp_residual`, [afterAttention, linear('fc2', activated, feedForward, hidden)]);
  }

  #norm(path: string, input: Value): Value {
    const dims = [this.#description.sizes.hidden];
    const weight = this.#weights.tensor(`${path}.weight`, dims);
    const bias = this.#weights.tensor(`${path}.bias`, dims);
    return this.#builder.layerNorm(`model.${path}`, input, { weight, bias }, normEpsilon);
  }

  #linear(path: string, from: number, to: number): LinearWeights {
    const weight = this.#weights.linear(`${path}.weight`, from, to);
    return this.#description.hasBias ? { weight, bias: this.#weights.tensor(`${path}.bias`, [to]) } : { weight };
  }

  /** Between the token embedding's features and the hidden size, where these are not the same. */
  #projection(module: string, input: Value, from: number, to: number): Value {
    if (from === to) return input;
    const weight = this.#weights.linear(`decoder.${module}.weight`, from, to);
    return this.#builder.linear(`model.decoder.${module}`, input, { weight });
  }

  /** A tied head is the transposed token embedding. */
  #headWeight(): Tensor {
    const { embedding, sizes, isTied } = this.#description;
    if (isTied) return this.#weights.linear('decoder.embed_tokens.weight', embedding, sizes.vocabulary);
    return new CheckpointWeights(this.#checkpoint, 'the checkpoint').linear(
      'lm_head.weight',
      embedding,
      sizes.vocabulary,
    );
  }
}
