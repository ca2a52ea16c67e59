import { openModelSession } from '../../../models/graph-session.js';
import { type Attribute, int } from '../../../onnx/attribute.js';
import { Graph } from '../../../onnx/ir.js';
import { Model } from '../../../onnx/model.js';
import type { Value } from '../../../onnx/node.js';
import { float32Scalar, int64Vector, type Tensor } from '../../../onnx/tensor.js';
import type { OperatorSource, PreparedOperator } from '../device.js';

/** A range of the depth that one dispatch covers: rows `start` to `end` of the weights. */
export interface DepthTile {
  readonly start: number;
  readonly end: number;
}

/** The ranges into which kernels of depth `tileDepth` cut a depth, in the order in which the host adds their outputs. */
export function depthTiles(depth: number, tileDepth: number): readonly DepthTile[] {
  return Array.from({ length: Math.ceil(depth / tileDepth) }, (_, index) => ({
    start: index * tileDepth,
    end: Math.min(depth, (index + 1) * tileDepth),
  }));
}

/** Writes what a kernel computes as a graph of its own, in the place of one node: same input, same output. */
export class KernelGraph {
  readonly input: Value;
  readonly #graph: Graph;
  readonly #source: OperatorSource;

  constructor(source: OperatorSource) {
    const { node } = source;
    const input = node.requireInput(0);
    this.#source = source;
    this.#graph = new Graph(node.name);
    this.input = this.#graph.addInput(input.name, input.type);
  }

  node(opType: string, inputs: readonly Value[], attributes: { [name: string]: Attribute } = {}): Value {
    const name = this.#graph.uniqueName(`${this.#source.node.name}/${opType}`);
    return this.#graph.addNode({ opType, name, inputs, outputs: [`${name}/output`], attributes }).output;
  }

  constant(name: string, tensor: Tensor): Value {
    return this.#graph.addInitializer(this.#graph.uniqueName(`${this.#source.node.name}/${name}`), tensor);
  }

  scalar(name: string, value: number): Value {
    return this.constant(name, float32Scalar(value));
  }

  /** The columns of the activations that meet a range of the weights. All of them: the activations themselves. */
  slice(activations: Value, { start, end }: DepthTile): Value {
    if (start === 0 && end === this.#source.operator.k) return activations;
    const bounds = [start, end, -1].map((value) => this.constant('bound', int64Vector([value])));
    return this.node('Slice', [activations, ...bounds]);
  }

  /** Sums in order: ((a + b) + c) + ... */
  add(values: readonly Value[]): Value {
    return values.reduce((sum, value) => this.node('Add', [sum, value]));
  }

  cast(value: Value, dataType: number): Value {
    return this.node('Cast', [value], { to: int(dataType) });
  }

  /** Opens the graph with `result` as what the node computes. */
  open(result: Value): PreparedOperator {
    const { engine, model, node, directory } = this.#source;
    const { name } = node.output;
    const output = this.#graph.addNode({
      opType: 'Identity',
      name: `${name}/result`,
      inputs: [result],
      outputs: [name],
    });
    this.#graph.addOutput(output.output);
    const kernel = new Model({ graph: this.#graph, opsets: model.opsets, irVersion: model.irVersion });
    return openModelSession(engine, kernel, directory);
  }
}
