import type { Attribute } from '../onnx/attribute.js';
import { float, int } from '../onnx/attribute.js';
import { Graph } from '../onnx/ir.js';
import { Model } from '../onnx/model.js';
import type { Value, ValueType } from '../onnx/node.js';
import { int64Scalar, int64Vector, type Tensor } from '../onnx/tensor.js';
import type { DecoderSizes } from './decoder-sizes.js';
import { functionDomain } from './functions.js';
import type { RotaryTables } from './rotary.js';
import { definePositions, defineSlidingWindow, positionsType, slidingWindowType } from './sequence-functions.js';

export interface NormWeights {
  readonly weight: Tensor;
  readonly bias?: Tensor;
}

export interface LinearWeights {
  /** [input features, output features] */
  readonly weight: Tensor;
  /** [output features] */
  readonly bias?: Tensor;
}

export interface AttentionOptions {
  /** Factor of the scores before the softmax. */
  readonly scale: number;
  /** Bounds the scores: cap * tanh(score / cap). */
  readonly softcap?: number | undefined;
  /** How many of the latest tokens a token sees, itself included. All, if it is not given. */
  readonly window?: number | undefined;
}

const modelOpset = 24;
const contribDomain = 'com.microsoft';

/**
 * Writes the operators that decoder models are made of into a graph. Each node has the path of its PyTorch module as its
 * name, and the output of a node has the name of the node.
 */
export class GraphBuilder {
  readonly graph: Graph;
  /** int64 [batch, sequence] */
  readonly tokens: Value;
  /** int64 [batch, past and new tokens] */
  readonly mask: Value;
  readonly #sizes: DecoderSizes;
  readonly #model: Model;
  #attentionCount = 0;
  #smallestWindow: number | undefined;

  /** Starts the graph of a decoder with its inputs, caches apart. */
  constructor(name: string, sizes: DecoderSizes) {
    this.graph = new Graph(name);
    this.#sizes = sizes;
    this.#model = new Model({ graph: this.graph, opsets: new Map([['', modelOpset]]) });
    this.tokens = this.graph.addInput('input_ids', { dataType: 'int64', shape: ['batch', 'sequence'] });
    this.mask = this.graph.addInput('attention_mask', { dataType: 'int64', shape: ['batch', 'total_sequence'] });
  }

  /** How many attentions the graph has so far. */
  get attentionCount(): number {
    return this.#attentionCount;
  }

  /** How many of the latest tokens a token sees in the layers that see fewest; all, if it is not given. */
  get smallestWindow(): number | undefined {
    return this.#smallestWindow;
  }

  /** Lets the graph have operators of ONNX Runtime's own. */
  useContrib(): void {
    this.#model.opsets.set(contribDomain, 1);
  }

  node(
    opType: string,
    name: string,
    inputs: readonly (Value | undefined)[],
    attributes: { readonly [name: string]: Attribute } = {},
    domain = '',
  ): Value {
    return this.graph.addNode({ opType, domain, name, inputs, outputs: [name], attributes }).output;
  }

  constant(name: string, tensor: Tensor): Value {
    return this.graph.initializers.get(name) ?? this.graph.addInitializer(name, tensor);
  }

  integer(value: number): Value {
    return this.constant(`integer_${value}`, int64Scalar(value));
  }

  integers(...values: readonly number[]): Value {
    return this.constant(`integers_${values.join('_')}`, int64Vector(values));
  }

  /** Rows of a table [rows, features] that ids choose. */
  embedding(name: string, ids: Value, table: Tensor): Value {
    return this.node('Gather', name, [this.constant(`${name}.weight`, table), ids]);
  }

  /** x W + b as MatMul and Add, the MatMul with the module's name. */
  linear(name: string, input: Value, { weight, bias }: LinearWeights): Value {
    const product = this.node('MatMul', name, [input, this.constant(`${name}.weight`, weight)]);
    return bias === undefined ? product : this.addBias(name, product, bias);
  }

  /** What a linear layer of this name computes, with a bias [output features]. */
  addBias(name: string, product: Value, bias: Tensor): Value {
    return this.node('Add', `${name}/bias`, [product, this.constant(`${name}.bias`, bias)]);
  }

  layerNorm(name: string, input: Value, { weight, bias }: NormWeights, epsilon: number): Value {
    const inputs = [input, this.constant(`${name}.weight`, weight)];
    if (bias !== undefined) inputs.push(this.constant(`${name}.bias`, bias));
    return this.node('LayerNormalization', name, inputs, { axis: int(-1), epsilon: float(epsilon) });
  }

  rmsNorm(name: string, input: Value, weight: Tensor, epsilon: number): Value {
    const inputs = [input, this.constant(`${name}.weight`, weight)];
    return this.node('RMSNormalization', name, inputs, { axis: int(-1), epsilon: float(epsilon) });
  }

  /** An RMS norm of each head of [batch, sequence, heads * head size]. */
  headNorm(name: string, input: Value, heads: number, weight: Tensor, epsilon: number): Value {
    const { headSize } = this.#sizes;
    const split = this.node('Reshape', `${name}/heads`, [input, this.integers(0, 0, heads, headSize)]);
    const normed = this.rmsNorm(name, split, weight, epsilon);
    return this.node('Reshape', `${name}/joined`, [normed, this.integers(0, 0, heads * headSize)]);
  }

  /** Places of the new tokens in the text: int64 [batch, sequence]. */
  positions(): Value {
    const known = this.graph.value('positions');
    if (known !== undefined) return known;
    definePositions(this.#model);
    return this.node(positionsType, 'positions', [this.mask, this.#tokenShape()], {}, functionDomain);
  }

  /** Turns the heads of queries or keys [batch, sequence, heads * head size] by their positions. */
  rotate(name: string, input: Value, heads: number, tables: RotaryTables): Value {
    const dimensions = 2 * (tables.cosines.dims[1] ?? 0);
    const cosines = this.constant(`${tables.name}.cos`, tables.cosines);
    const sines = this.constant(`${tables.name}.sin`, tables.sines);
    return this.node('RotaryEmbedding', name, [input, cosines, sines, this.positions()], {
      num_heads: int(heads),
      ...(dimensions === this.#sizes.headSize ? {} : { rotary_embedding_dim: int(dimensions) }),
      ...(tables.isInterleaved === true ? { interleaved: int(1) } : {}),
    });
  }

  /**
   * Causal attention over [batch, sequence, heads * head size] with the keys and values of earlier tokens, which come in
   * and go out as [batch, key-value heads, tokens, head size].
   */
  attention(
    name: string,
    layer: number,
    { query, key, value }: { readonly query: Value; readonly key: Value; readonly value: Value },
    { scale, softcap, window }: AttentionOptions,
  ): Value {
    const { heads, keyValueHeads } = this.#sizes;
    this.#attentionCount++;
    if (window !== undefined) this.#smallestWindow = Math.min(window, this.#smallestWindow ?? window);
    const cache = (kind: 'key' | 'value'): Value =>
      this.graph.addInput(`past_key_values.${layer}.${kind}`, this.#cacheType('past_sequence'));
    const mask = window === undefined ? undefined : this.#slidingWindow(window);
    const node = this.graph.addNode({
      opType: 'Attention',
      name,
      inputs: [query, key, value, mask, cache('key'), cache('value')],
      outputs: [name, `present.${layer}.key`, `present.${layer}.value`],
      attributes: {
        is_causal: int(1),
        q_num_heads: int(heads),
        kv_num_heads: int(keyValueHeads),
        scale: float(scale),
        ...(softcap === undefined ? {} : { softcap: float(softcap) }),
      },
    });
    return node.output;
  }

  /** Ends the graph: logits and caches are its outputs. */
  finish(logits: Value): Model {
    const { layers, vocabulary } = this.#sizes;
    logits.type = { dataType: 'float32', shape: ['batch', 'sequence', vocabulary] };
    this.graph.addOutput(logits);
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ['key', 'value'] as const) {
        const present = this.graph.value(`present.${layer}.${kind}`);
        if (present === undefined) throw new Error(`layer ${layer} has no attention`);
        present.type = this.#cacheType('total_sequence');
        this.graph.addOutput(present);
      }
    }
    this.graph.rename(logits, 'logits');
    return this.#model;
  }

  #slidingWindow(window: number): Value {
    const name = `sliding_window_${window}`;
    const known = this.graph.value(name);
    if (known !== undefined) return known;
    defineSlidingWindow(this.#model);
    const inputs = [this.mask, this.#tokenShape()];
    return this.node(slidingWindowType, name, inputs, { window: int(window) }, functionDomain);
  }

  #tokenShape(): Value {
    return this.graph.value('token_shape') ?? this.node('Shape', 'token_shape', [this.tokens]);
  }

  #cacheType(tokens: string): ValueType {
    const { keyValueHeads, headSize } = this.#sizes;
    return { dataType: 'float32', shape: ['batch', keyValueHeads, tokens, headSize] };
  }
}
