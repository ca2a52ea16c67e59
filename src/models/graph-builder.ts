import type { Attribute } from '../onnx/attribute.js';
import { float, int } from '../onnx/attribute.js';
import { Graph } from '../onnx/ir.js';
import type { Value, ValueType } from '../onnx/node.js';
import { int64Scalar, int64Vector, type Tensor } from '../onnx/tensor.js';

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

export interface AttentionHeads {
  readonly heads: number;
  readonly keyValueHeads: number;
  /** Factor of the scores before the softmax. */
  readonly scale: number;
}

/**
 * Writes the operators that decoder models are made of into a graph. Each node has the path of its PyTorch module as its
 * name, and the output of a node has the name of the node.
 */
export class GraphBuilder {
  readonly graph: Graph;

  constructor(name: string) {
    this.graph = new Graph(name);
  }

  node(
    opType: string,
    name: string,
    inputs: readonly (Value | undefined)[],
    attributes: { readonly [name: string]: Attribute } = {},
  ): Value {
    return this.graph.addNode({ opType, name, inputs, outputs: [name], attributes }).output;
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

  /** x W + b as MatMul and Add, the MatMul with the module's name. */
  linear(name: string, input: Value, { weight, bias }: LinearWeights): Value {
    const product = this.node('MatMul', name, [input, this.constant(`${name}.weight`, weight)]);
    return bias === undefined
      ? product
      : this.node('Add', `${name}/bias`, [product, this.constant(`${name}.bias`, bias)]);
  }

  layerNorm(name: string, input: Value, { weight, bias }: NormWeights, epsilon: number): Value {
    const inputs = [input, this.constant(`${name}.weight`, weight)];
    if (bias !== undefined) inputs.push(this.constant(`${name}.bias`, bias));
    return this.node('LayerNormalization', name, inputs, { axis: int(-1), epsilon: float(epsilon) });
  }

  /**
   * Causal attention over [batch, sequence, heads * head size] with the keys and values of earlier tokens, which come in
   * and go out as [batch, key-value heads, tokens, head size].
   */
  attention(
    name: string,
    layer: number,
    input: { readonly query: Value; readonly key: Value; readonly value: Value },
    heads: AttentionHeads,
    headSize: number,
  ): Value {
    const cache = (kind: 'key' | 'value'): Value =>
      this.graph.addInput(
        `past_key_values.${layer}.${kind}`,
        cacheType(heads.keyValueHeads, 'past_sequence', headSize),
      );
    const node = this.graph.addNode({
      opType: 'Attention',
      name,
      inputs: [input.query, input.key, input.value, undefined, cache('key'), cache('value')],
      outputs: [name, `present.${layer}.key`, `present.${layer}.value`],
      attributes: {
        is_causal: int(1),
        q_num_heads: int(heads.heads),
        kv_num_heads: int(heads.keyValueHeads),
        scale: float(heads.scale),
      },
    });
    return node.output;
  }

  /** Declares the keys and values of a layer as outputs of the graph. */
  addCacheOutputs(layer: number, keyValueHeads: number, headSize: number): void {
    for (const kind of ['key', 'value'] as const) {
      const present = this.requireValue(`present.${layer}.${kind}`);
      present.type = cacheType(keyValueHeads, 'total_sequence', headSize);
      this.graph.addOutput(present);
    }
  }

  requireValue(name: string): Value {
    const value = this.graph.value(name);
    if (value === undefined) throw new Error(`the graph has no value ${name}`);
    return value;
  }
}

function cacheType(heads: number, tokens: string, headSize: number): ValueType {
  return { dataType: 'float32', shape: ['batch', heads, tokens, headSize] };
}
