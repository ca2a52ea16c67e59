import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { bookkeepingFields, type ModelConfig } from '../checkpoints/config.js';
import { int } from '../onnx/attribute.js';
import type { Model } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';
import type { Tensor } from '../onnx/tensor.js';
import { type Activation, activate, readActivation } from './activation.js';
import type { Architecture, BuildModelOptions } from './architecture.js';
import { CheckpointWeights } from './checkpoint-weights.js';
import { type DecoderSizes, modelInfoOf, readDecoderSizes, requireDecoderOnly } from './decoder-sizes.js';
import { GraphBuilder } from './graph-builder.js';
import { sizeLimits } from './size-limits.js';

/** A GPT-2 model (Radford et al. 2019, Language Models are Unsupervised Multitask Learners). */
interface Gpt2Description {
  readonly sizes: DecoderSizes;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly isTied: boolean;
  /** Factor of the attention scores in a layer. */
  readonly attentionScale: (layer: number) => number;
}

const sizeFields = { hidden: 'n_embd', layers: 'n_layer', heads: 'n_head', positions: 'n_positions' } as const;

/** Fields about training and other tasks. `reorder_and_upcast_attn` is about 16-bit floats, `n_ctx` repeats a size. */
const harmlessFields = new Set([
  ...bookkeepingFields,
  '_num_labels',
  'attn_pdrop',
  'embd_pdrop',
  'n_ctx',
  'output_past',
  'reorder_and_upcast_attn',
  'resid_pdrop',
  'summary_activation',
  'summary_first_dropout',
  'summary_proj_to_labels',
  'summary_type',
  'summary_use_proj',
]);

export const gpt2: Architecture = {
  names: ['GPT2LMHeadModel'],
  build(config: ModelConfig, checkpoint: Checkpoint, options: BuildModelOptions) {
    const description = readDescription(config, options);
    const model = new Gpt2Builder(description, checkpoint).build();
    return { model, info: modelInfoOf(config, description.sizes) };
  },
};

function readDescription({ fields }: ModelConfig, options: BuildModelOptions): Gpt2Description {
  requireDecoderOnly(fields);
  const sizes = readDecoderSizes(fields, sizeFields, options);
  const baseScale = fields.boolean('scale_attn_weights', { default: true }) ? sizes.headSize ** -0.5 : 1;
  const fallsByLayer = fields.boolean('scale_attn_by_inverse_layer_idx', { default: false });
  const description = {
    sizes,
    feedForward: fields.integer('n_inner', { min: 1, max: sizeLimits.feedForward, default: 4 * sizes.hidden }),
    normEpsilon: fields.number('layer_norm_epsilon', { default: 1e-5 }),
    activation: readActivation(fields, 'activation_function', 'gelu-tanh'),
    isTied: fields.boolean('tie_word_embeddings', { default: true }),
    attentionScale: (layer: number) => (fallsByLayer ? baseScale / (layer + 1) : baseScale),
  };
  fields.refuseUnread(harmlessFields);
  return description;
}

class Gpt2Builder {
  readonly #description: Gpt2Description;
  readonly #checkpoint: Checkpoint;
  readonly #weights: CheckpointWeights;
  readonly #builder: GraphBuilder;

  constructor(description: Gpt2Description, checkpoint: Checkpoint) {
    this.#description = description;
    this.#checkpoint = checkpoint;
    // Saved from the base model, as gpt2 itself is, the names begin with `wte` and `h`.
    const prefix = checkpoint.tensors.has('wte.weight') ? '' : 'transformer.';
    this.#weights = new CheckpointWeights(checkpoint, 'the checkpoint', prefix);
    this.#builder = new GraphBuilder('gpt2', description.sizes);
  }

  build(): Model {
    const builder = this.#builder;
    const { layers, vocabulary, positions, hidden } = this.#description.sizes;
    const table = this.#weights.tensor('wte.weight', [vocabulary, hidden]);
    const places = this.#weights.tensor('wpe.weight', [positions, hidden]);
    let stream = builder.node('Add', 'transformer/embed', [
      builder.embedding('transformer.wte', builder.tokens, table),
      builder.embedding('transformer.wpe', builder.positions(), places),
    ]);
    for (let layer = 0; layer < layers; layer++) {
      stream = this.#attentionBlock(layer, stream);
      stream = this.#feedForwardBlock(layer, stream);
    }
    return builder.finish(builder.linear('lm_head', this.#norm('ln_f', stream), { weight: this.#headWeight() }));
  }

  #attentionBlock(layer: number, stream: Value): Value {
    const { sizes, attentionScale } = this.#description;
    const { hidden } = sizes;
    const path = `h.${layer}`;
    const name = `transformer.${path}.attn`;
    const fused = this.#linear(`${path}.attn.c_attn`, this.#norm(`${path}.ln_1`, stream), hidden, 3 * hidden);
    const split = this.#builder.graph.addNode({
      opType: 'Split',
      name: `${name}/split`,
      inputs: [fused],
      outputs: [`${name}/query`, `${name}/key`, `${name}/value`],
      attributes: { axis: int(-1), num_outputs: int(3) },
    });
    const [query, key, value] = split.outputs;
    if (query === undefined || key === undefined || value === undefined) throw new Error('Split has three outputs');
    const scale = attentionScale(layer);
    const attended = this.#builder.attention(name, layer, { query, key, value }, { scale });
    const result = this.#linear(`${path}.attn.c_proj`, attended, hidden, hidden);
    return this.#builder.node('Add', `transformer.${path}/attn_residual`, [stream, result]);
  }

  #feedForwardBlock(layer: number, stream: Value): Value {
    const { sizes, feedForward, activation } = this.#description;
    const path = `h.${layer}`;
    const input = this.#norm(`${path}.ln_2`, stream);
    const widened = this.#linear(`${path}.mlp.c_fc`, input, sizes.hidden, feedForward);
    const activated = activate(this.#builder, activation, `transformer.${path}.mlp.act`, widened);
    const result = this.#linear(`${path}.mlp.c_proj`, activated, feedForward, sizes.hidden);
    return this.#builder.node('Add', `transformer.${path}/mlp_residual`, [stream, result]);
  }

  #norm(path: string, input: Value): Value {
    const { sizes, normEpsilon } = this.#description;
    const weight = this.#weights.tensor(`${path}.weight`, [sizes.hidden]);
    const bias = this.#weights.tensor(`${path}.bias`, [sizes.hidden]);
    return this.#builder.layerNorm(`transformer.${path}`, input, { weight, bias }, normEpsilon);
  }

  /** GPT-2 keeps its linear layers as [input, output]. */
  #linear(path: string, input: Value, from: number, to: number): Value {
    const weight = this.#weights.tensor(`${path}.weight`, [from, to]);
    const bias = this.#weights.tensor(`${path}.bias`, [to]);
    return this.#builder.linear(`transformer.${path}`, input, { weight, bias });
  }

  #headWeight(): Tensor {
    const { sizes, isTied } = this.#description;
    if (isTied) return this.#weights.linear('wte.weight', sizes.hidden, sizes.vocabulary);
    const weights = new CheckpointWeights(this.#checkpoint, 'the checkpoint');
    return weights.linear('lm_head.weight', sizes.hidden, sizes.vocabulary);
  }
}
