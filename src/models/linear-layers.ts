import { intAttribute } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import type { Tensor } from '../onnx/tensor.js';

/** A matrix product with a constant float32 weight, as PyTorch's Linear becomes. */
export interface LinearLayer {
  /** Module path, for example `model.decoder.layers.0.fc1`. */
  readonly name: string;
  readonly node: Node;
  readonly input: Value;
  readonly weight: Value;
  /** The constant of `weight`: [input features, output features]. */
  readonly tensor: Tensor;
  readonly inputFeatures: number;
  readonly outputFeatures: number;
  /** Number of the decoder layer it is in, if it is in one. */
  readonly decoderLayer: number | undefined;
  /** Whether it makes the logits. */
  readonly isHead: boolean;
}

/** All linear layers of a graph, in its order. */
export function findLinearLayers(graph: Graph): LinearLayer[] {
  return graph.nodes.flatMap((node) => {
    const layer = linearLayerOf(node);
    return layer === undefined ? [] : [layer];
  });
}

/** The linear layer that a node is: a MatMul, or a Gemm without transposition and scaling, with a constant right side. */
export function linearLayerOf(node: Node): LinearLayer | undefined {
  const isProduct = node.domain === '' && (node.opType === 'MatMul' || (node.opType === 'Gemm' && isPlainGemm(node)));
  const [input, weight] = node.inputs;
  const tensor = weight?.initializer;
  if (!isProduct || input === undefined || weight === undefined || tensor === undefined) return undefined;
  const [inputFeatures, outputFeatures] = tensor.dims;
  if (
    tensor.dataType !== 'float32' ||
    inputFeatures === undefined ||
    outputFeatures === undefined ||
    tensor.dims.length !== 2
  ) {
    return undefined;
  }
  const name = moduleNameOf(node);
  return {
    name,
    node,
    input,
    weight,
    tensor,
    inputFeatures,
    outputFeatures,
    decoderLayer: decoderLayerOf(name),
    isHead: makesLogits(node),
  };
}

function isPlainGemm(node: Node): boolean {
  const transposes = (intAttribute(node.attributes, 'transA') ?? 0) + (intAttribute(node.attributes, 'transB') ?? 0);
  return transposes === 0 && !node.attributes.has('alpha') && !node.attributes.has('beta');
}

/** The name of a node, that of what it computes if it has none. */
export function moduleNameOf(node: Node): string {
  return node.name === '' ? node.output.name : node.name;
}

/** The number behind `layers` (also `h` and `blocks`) in a module path. */
export function decoderLayerOf(name: string): number | undefined {
  const match = /(?:^|[./])(?:layers|h|blocks)[./](\d+)(?:[./]|$)/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** What may stand between the head and the logits: a bias, and a bound. */
const logitOperators: ReadonlySet<string> = new Set(['Add', 'Div', 'Tanh', 'Mul']);

/** Whether the product is an output of the graph, perhaps with a bias added or bounded. */
function makesLogits(node: Node): boolean {
  if (node.output.isGraphOutput) return true;
  const [use, ...others] = node.output.uses;
  if (use === undefined || others.length > 0 || !logitOperators.has(use.node.opType)) return false;
  const isElementwise = use.node.inputs.every((input) => input === node.output || input?.initializer !== undefined);
  return isElementwise && makesLogits(use.node);
}
