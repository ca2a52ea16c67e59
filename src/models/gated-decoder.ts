import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { Model } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';
import { float32Scalar, type Tensor } from '../onnx/tensor.js';
import { type Activation, activate } from './activation.js';
import { CheckpointWeights } from './checkpoint-weights.js';
import type { DecoderSizes } from './decoder-sizes.js';
import { GraphBuilder, type LinearWeights } from './graph-builder.js';
import { type Rotary, rotaryTables } from './rotary.js';

/** The linear layers of a decoder layer, by the end of their module paths. */
export type Projection = `self_attn.${'q' | 'k' | 'v' | 'o'}_proj` | `mlp.${'gate' | 'up' | 'down'}_proj`;

/** Where a linear layer is that a checkpoint keeps as some output features of a larger one. */
export interface FusedProjection {
  /** End of the module path of the larger one. */
  readonly module: string;
  readonly firstFeature: number;
  readonly outputFeatures: number;
}

/**
 * A decoder with RMS norms in front of attention and MLP, rotary positions and a gated MLP: what Llama (Touvron et al. 2023,
 * arXiv 2302.13971) has made usual, with what later models add to it.
 */
export interface GatedDecoder {
  /** Name of the graph. */
  readonly name: string;
  readonly sizes: DecoderSizes;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly rotary: Rotary;
  /** Whether the head is the transposed token embedding. */
  readonly isTied: boolean;
  /** Factor of the attention scores. 1 / sqrt(head size) if not given. */
  readonly attentionScale?: number;
  /** The linear layers that have a bias. None if not given. */
  readonly biases?: ReadonlySet<Projection>;
  /** How many of the latest tokens those of a layer see. All if not given. */
  readonly windowOf?: (layer: number) => number | undefined;
  /** Where the checkpoint keeps linear layers that it has fused. */
  readonly fused?: Partial<Record<Projection, FusedProjection>>;
  /** Whether each head of queries and keys has a norm. */
  readonly headNorms?: boolean;
  /** Whether the results of attention and MLP have a norm, too. */
  readonly resultNorms?: boolean;
  /** Added to the weights of norms as the checkpoint has them. 0 if not given. */
  readonly normOffset?: number;
  /** Factor of the token embedding, the head's apart. */
  readonly embeddingScale?: number;
  /** Bound of the attention scores. */
  readonly attentionSoftcap?: number | undefined;
  /** Bound of the logits. */
  readonly logitSoftcap?: number | undefined;
}

/** The graph of a decoder with the weights of a checkpoint in transformers' names, with or without `model.` before them. */
export function buildGatedDecoder(decoder: GatedDecoder, checkpoint: Checkpoint): Model {
  return new GatedDecoderBuilder(decoder, checkpoint).build();
}

class GatedDecoderBuilder {
  readonly #decoder: GatedDecoder;
  readonly #checkpoint: Checkpoint;
  readonly #weights: CheckpointWeights;
  readonly #builder: GraphBuilder;

  constructor(decoder: GatedDecoder, checkpoint: Checkpoint) {
    this.#decoder = decoder;
    this.#checkpoint = checkpoint;
    const prefix = checkpoint.tensors.has('embed_tokens.weight') ? '' : 'model.';
    this.#weights = new CheckpointWeights(checkpoint, 'the checkpoint', prefix);
    this.#builder = new GraphBuilder(decoder.name, decoder.sizes);
  }

  build(): Model {
    const { layers } = this.#decoder.sizes;
    let stream = this.#embedding();
    for (let layer = 0; layer < layers; layer++) {
      stream = this.#attentionBlock(layer, stream);
      stream = this.#feedForwardBlock(layer, stream);
    }
    const logits = this.#builder.linear('lm_head', this.#norm('norm', stream), { weight: this.#headWeight() });
    return this.#builder.finish(this.#capped(logits));
  }

  #embedding(): Value {
    const { sizes, embeddingScale } = this.#decoder;
    const table = this.#weights.tensor('embed_tokens.weight', [sizes.vocabulary, sizes.hidden]);
    const name = 'model.embed_tokens';
    const embedded = this.#builder.embedding(name, this.#builder.tokens, table);
    return embeddingScale === undefined ? embedded : this.#scaled('Mul', `${name}/scaled`, embedded, embeddingScale);
  }

  #attentionBlock(layer: number, stream: Value): Value {
    const { sizes, attentionScale, attentionSoftcap, windowOf, resultNorms, rotary } = this.#decoder;
    const { hidden, heads, keyValueHeads, headSize } = sizes;
    const path = `layers.${layer}`;
    const name = `model.${path}.self_attn`;
    const input = this.#norm(`${path}.input_layernorm`, stream);
    const project = (module: Projection, inputHeads: number): Value =>
      this.#linear(layer, module, input, hidden, inputHeads * headSize);
    const tables = rotaryTables(rotary);
    const query = this.#headNorm(`${path}.self_attn.q_norm`, project('self_attn.q_proj', heads), heads);
    const key = this.#headNorm(`${path}.self_attn.k_norm`, project('self_attn.k_proj', keyValueHeads), keyValueHeads);
    const attended = this.#builder.attention(
      name,
      layer,
      {
        query: this.#builder.rotate(`${name}/rotated_query`, query, heads, tables),
        key: this.#builder.rotate(`${name}/rotated_key`, key, keyValueHeads, tables),
        value: project('self_attn.v_proj', keyValueHeads),
      },
      { scale: attentionScale ?? headSize ** -0.5, softcap: attentionSoftcap, window: windowOf?.(layer) },
    );
    const result = this.#linear(layer, 'self_attn.o_proj', attended, heads * headSize, hidden);
    const added = resultNorms === true ? this.#norm(`${path}.post_attention_layernorm`, result) : result;
    return this.#builder.node('Add', `model.${path}/self_attn_residual`, [stream, added]);
  }

  #feedForwardBlock(layer: number, stream: Value): Value {
    const { sizes, feedForward, activation, resultNorms } = this.#decoder;
    const { hidden } = sizes;
    const path = `layers.${layer}`;
    const inputNorm = resultNorms === true ? 'pre_feedforward_layernorm' : 'post_attention_layernorm';
    const input = this.#norm(`${path}.${inputNorm}`, stream);
    const gate = this.#linear(layer, 'mlp.gate_proj', input, hidden, feedForward);
    const up = this.#linear(layer, 'mlp.up_proj', input, hidden, feedForward);
    const name = `model.${path}.mlp`;
    const activated = activate(this.#builder, activation, `${name}.act_fn`, gate);
    const gated = this.#builder.node('Mul', `${name}/gated`, [activated, up]);
    const result = this.#linear(layer, 'mlp.down_proj', gated, feedForward, hidden);
    const added = resultNorms === true ? this.#norm(`${path}.post_feedforward_layernorm`, result) : result;
    return this.#builder.node('Add', `model.${path}/mlp_residual`, [stream, added]);
  }

  #norm(path: string, input: Value): Value {
    const { sizes, normEpsilon, normOffset = 0 } = this.#decoder;
    const weight = this.#weights.shifted(`${path}.weight`, [sizes.hidden], normOffset);
    return this.#builder.rmsNorm(`model.${path}`, input, weight, normEpsilon);
  }

  #headNorm(path: string, input: Value, heads: number): Value {
    const { sizes, normEpsilon, headNorms } = this.#decoder;
    if (headNorms !== true) return input;
    const weight = this.#weights.tensor(`${path}.weight`, [sizes.headSize]);
    return this.#builder.headNorm(`model.${path}`, input, heads, weight, normEpsilon);
  }

  #linear(layer: number, module: Projection, input: Value, from: number, to: number): Value {
    const path = `layers.${layer}`;
    const { fused, biases } = this.#decoder;
    const weight = this.#weight(path, fused?.[module], module, from, to);
    const bias = biases?.has(module) === true ? this.#weights.tensor(`${path}.${module}.bias`, [to]) : undefined;
    const weights: LinearWeights = bias === undefined ? { weight } : { weight, bias };
    return this.#builder.linear(`model.${path}.${module}`, input, weights);
  }

  #weight(path: string, fused: FusedProjection | undefined, module: string, from: number, to: number): Tensor {
    if (fused === undefined) return this.#weights.linear(`${path}.${module}.weight`, from, to);
    const { firstFeature, outputFeatures } = fused;
    return this.#weights.linearPart(`${path}.${fused.module}.weight`, from, outputFeatures, {
      first: firstFeature,
      count: to,
    });
  }

  #headWeight(): Tensor {
    const { sizes, isTied } = this.#decoder;
    if (isTied) return this.#weights.linear('embed_tokens.weight', sizes.hidden, sizes.vocabulary);
    const weights = new CheckpointWeights(this.#checkpoint, 'the checkpoint');
    return weights.linear('lm_head.weight', sizes.hidden, sizes.vocabulary);
  }

  #capped(logits: Value): Value {
    const { logitSoftcap } = this.#decoder;
    if (logitSoftcap === undefined) return logits;
    const divided = this.#scaled('Div', 'lm_head/softcap_divided', logits, logitSoftcap);
    const bounded = this.#builder.node('Tanh', 'lm_head/softcap_tanh', [divided]);
    return this.#scaled('Mul', 'lm_head/softcapped', bounded, logitSoftcap);
  }

  #scaled(opType: 'Mul' | 'Div', name: string, input: Value, factor: number): Value {
    return this.#builder.node(opType, name, [input, this.#builder.constant(`${name}/factor`, float32Scalar(factor))]);
  }
}
