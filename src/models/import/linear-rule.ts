import { floatAttribute, intAttribute } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import type { ImportContext, ImportRule } from './import-context.js';
import type { SourceGraph } from './source-graph.js';
import { transposedWeight } from './weights.js';

/** A product with a constant matrix, as an exporter writes PyTorch's Linear. */
interface SourceLinear {
  readonly node: Node;
  readonly input: Value;
  readonly weight: Value;
  /** [input features, output features] */
  readonly tensor: Tensor;
  /** The constant that a Gemm adds. */
  readonly bias: Value | undefined;
}

/** MatMul and Gemm with a constant weight become a MatMul, and an Add if there is a bias. */
export const linearRule: ImportRule = (context, value) => {
  const { source, builder } = context;
  const own = linearOf(source, value);
  if (own !== undefined) {
    const weights = own.bias === undefined ? {} : biasOf(source, own.bias, own.tensor);
    if (weights === undefined) return undefined;
    return builder.linear(linearName(context, own), context.translate(own.input), { weight: own.tensor, ...weights });
  }
  const biased = withBias(source, value);
  if (biased === undefined) return undefined;
  const { linear, bias } = biased;
  const name = linearName(context, linear);
  return builder.linear(name, context.translate(linear.input), {
    weight: linear.tensor,
    ...biasOf(source, bias, linear.tensor),
  });
};

/** Whether a value is what a linear layer computes in the end: with its bias, if it has one. */
export function isLinearResult(source: SourceGraph, value: Value): boolean {
  if (linearOf(source, value) === undefined) return withBias(source, value) !== undefined;
  const [use, ...others] = value.uses;
  const sum = use !== undefined && others.length === 0 ? use.node.outputs[0] : undefined;
  return sum === undefined || withBias(source, sum) === undefined;
}

/** The linear layer whose output a value is. */
function linearOf(source: SourceGraph, value: Value): SourceLinear | undefined {
  const node = value.producer;
  if (node === undefined || node.domain !== '' || (node.opType !== 'MatMul' && node.opType !== 'Gemm'))
    return undefined;
  const [input, weight, bias] = node.inputs;
  if (input === undefined || weight === undefined || !source.hasContents(input)) return undefined;
  const tensor = source.constant(weight);
  if (tensor?.dataType !== 'float32' || tensor.dims.length !== 2) return undefined;
  if (node.opType === 'MatMul') return { node, input, weight, tensor, bias: undefined };
  const isScaled = [floatAttribute(node.attributes, 'alpha'), floatAttribute(node.attributes, 'beta')].some(
    (factor) => factor !== undefined && factor !== 1,
  );
  if (isScaled || intAttribute(node.attributes, 'transA') === 1) return undefined;
  const isTransposed = intAttribute(node.attributes, 'transB') === 1;
  return { node, input, weight, tensor: isTransposed ? transposed(weight, tensor) : tensor, bias };
}

function transposed(weight: Value, tensor: Tensor): Tensor {
  return transposedWeight(weight.initializer ?? tensor, weight.name);
}

/** A product that nothing reads but the addition of its bias. */
function withBias(
  source: SourceGraph,
  value: Value,
): { readonly linear: SourceLinear; readonly bias: Value } | undefined {
  const node = value.producer;
  if (node?.opType !== 'Add' || node.domain !== '') return undefined;
  const [first, second] = [node.requireInput(0), node.requireInput(1)];
  for (const [product, bias] of [
    [first, second],
    [second, first],
  ] as const) {
    const linear = product.useCount === 1 && !product.isGraphOutput ? linearOf(source, product) : undefined;
    if (linear === undefined || linear.bias !== undefined || biasOf(source, bias, linear.tensor) === undefined)
      continue;
    return { linear, bias };
  }
  return undefined;
}

function biasOf(source: SourceGraph, value: Value, weight: Tensor): { readonly bias: Tensor } | undefined {
  const bias = source.constant(value);
  const fits = bias?.dataType === 'float32' && bias.dims.length === 1 && bias.dims[0] === weight.dims[1];
  return fits ? { bias } : undefined;
}

/** The module that a linear layer was, by the name of its node or else of its weight. */
export function linearName(
  { names, source, builder }: ImportContext,
  { node, weight }: Pick<SourceLinear, 'node' | 'weight'>,
): string {
  const isHead = node.output === source.ports.logits;
  const origin = weight.producer?.inputs[0]?.name ?? weight.name;
  const name = names.moduleOf(node) || (isHead ? 'lm_head' : names.moduleOfWeight(origin)) || 'linear';
  return builder.graph.uniqueName(name);
}
