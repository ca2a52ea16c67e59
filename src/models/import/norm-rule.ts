import { floatAttribute, intAttribute } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import type { ImportContext, ImportRule } from './import-context.js';
import type { SourceGraph } from './source-graph.js';

/** A norm over the last dimension. Without a mean it is an RMS norm. */
export interface SourceNorm {
  readonly node: Node;
  readonly input: Value;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly hasMean: boolean;
  readonly epsilon: number;
  /** Where the weight comes from, for the name of the module. */
  readonly weightName: string;
}

/** Norms of the residual stream, of one operator or of many. */
export const normRule: ImportRule = (context, value) => {
  const norm = normOf(context.source, value);
  if (norm === undefined) return undefined;
  const { weight, bias, epsilon, hasMean } = norm;
  const name = normName(context, norm);
  const input = context.translate(norm.input);
  if (!hasMean) return context.builder.rmsNorm(name, input, weight, epsilon);
  return context.builder.layerNorm(name, input, bias === undefined ? { weight } : { weight, bias }, epsilon);
};

export function normName({ names, builder }: ImportContext, { node, weightName }: SourceNorm): string {
  return builder.graph.uniqueName(names.moduleOf(node) || names.moduleOfWeight(weightName) || 'norm');
}

/** The norm whose output a value is. */
export function normOf(source: SourceGraph, value: Value): SourceNorm | undefined {
  return operatorNorm(source, value) ?? scaledNorm(source, value);
}

const operatorTypes: { readonly [type: string]: { readonly hasMean: boolean } } = {
  LayerNormalization: { hasMean: true },
  RMSNormalization: { hasMean: false },
  SimplifiedLayerNormalization: { hasMean: false },
};

function operatorNorm(source: SourceGraph, value: Value): SourceNorm | undefined {
  const node = value.producer;
  const type = node === undefined || node.output !== value ? undefined : operatorTypes[node.opType];
  if (node === undefined || type === undefined) return undefined;
  const [input, scale, shift] = node.inputs;
  const weight = scale === undefined ? undefined : source.constant(scale);
  const bias = shift === undefined ? undefined : source.constant(shift);
  const rank = input === undefined ? undefined : source.dims(input)?.length;
  const axis = intAttribute(node.attributes, 'axis') ?? -1;
  if (input === undefined || scale === undefined || weight === undefined || rank === undefined) return undefined;
  if ((axis !== -1 && axis !== rank - 1) || weight.dims.length !== 1 || (shift !== undefined && bias === undefined))
    return undefined;
  const epsilon = floatAttribute(node.attributes, 'epsilon') ?? 1e-5;
  return { node, input, weight, bias, epsilon, hasMean: type.hasMean, weightName: scale.name };
}

/** A norm that is written out: the normed value times a weight, perhaps plus a bias. */
function scaledNorm(source: SourceGraph, value: Value): SourceNorm | undefined {
  const shifted = splitConstant(source, value, 'Add');
  const scaled = splitConstant(source, shifted?.rest ?? value, 'Mul');
  if (scaled === undefined) return undefined;
  const normed = normedOf(source, withoutCasts(scaled.rest));
  if (normed === undefined || (shifted !== undefined && !normed.hasMean)) return undefined;
  return {
    ...normed,
    node: scaled.node,
    weight: scaled.tensor,
    bias: shifted?.tensor,
    weightName: scaled.constant.name,
  };
}

interface Split {
  readonly node: Node;
  readonly constant: Value;
  readonly tensor: Tensor;
  readonly rest: Value;
}

/** What an elementwise operation does with a constant vector and a value with contents. */
function splitConstant(source: SourceGraph, value: Value, opType: string): Split | undefined {
  const node = value.producer;
  if (node?.opType !== opType || node.domain !== '') return undefined;
  const [first, second] = [node.requireInput(0), node.requireInput(1)];
  for (const [constant, rest] of [
    [first, second],
    [second, first],
  ] as const) {
    const tensor = source.constant(constant);
    if (tensor?.dataType !== 'float32' || tensor.dims.length !== 1 || tensor.dims[0] === 1) continue;
    return { node, constant, tensor, rest };
  }
  return undefined;
}

type Normed = Pick<SourceNorm, 'input' | 'hasMean' | 'epsilon'>;

/** x / sqrt(mean(x^2) + epsilon), of x or of x less its mean. */
function normedOf(source: SourceGraph, value: Value): Normed | undefined {
  const quotient = quotientOf(source, value);
  const sum = quotient === undefined ? undefined : inputOf(quotient.root, 'Sqrt');
  if (quotient === undefined || sum?.producer?.opType !== 'Add') return undefined;
  const [first, second] = [sum.producer.requireInput(0), sum.producer.requireInput(1)];
  const epsilon = source.scalar(second) ?? source.scalar(first);
  const mean = source.scalar(second) === undefined ? second : first;
  const squared = withoutCasts(inputOf(mean, 'ReduceMean') ?? mean);
  if (
    epsilon === undefined ||
    squared === mean ||
    !isLastAxis(source, mean.producer) ||
    squareRoot(source, squared) !== quotient.dividend
  )
    return undefined;
  const centred = quotient.dividend.producer;
  const centre = centred?.opType === 'Sub' ? centred.requireInput(1) : undefined;
  const isCentred =
    centre !== undefined &&
    inputOf(centre, 'ReduceMean') === centred?.requireInput(0) &&
    isLastAxis(source, centre.producer);
  return {
    input: withoutCasts(isCentred && centred !== undefined ? centred.requireInput(0) : quotient.dividend),
    hasMean: isCentred,
    epsilon,
  };
}

/** x and r of x / r, x * (1 / r) or x * reciprocal(r). */
function quotientOf(
  source: SourceGraph,
  { producer }: Value,
): { readonly dividend: Value; readonly root: Value } | undefined {
  if (producer?.opType === 'Div') return { dividend: producer.requireInput(0), root: producer.requireInput(1) };
  if (producer?.opType !== 'Mul') return undefined;
  const [first, second] = [producer.requireInput(0), producer.requireInput(1)];
  for (const [dividend, factor] of [
    [first, second],
    [second, first],
  ] as const) {
    const inverse = factor.producer;
    if (inverse?.opType === 'Reciprocal') return { dividend, root: inverse.requireInput(0) };
    if (inverse?.opType === 'Div' && source.scalar(inverse.requireInput(0)) === 1) {
      return { dividend, root: inverse.requireInput(1) };
    }
  }
  return undefined;
}

/** x of x^2 or x * x. */
function squareRoot(source: SourceGraph, { producer }: Value): Value | undefined {
  if (producer?.opType !== 'Pow' && producer?.opType !== 'Mul') return undefined;
  const [first, second] = [producer.requireInput(0), producer.requireInput(1)];
  const isSquare = producer.opType === 'Mul' ? first === second : source.scalar(second) === 2;
  return isSquare ? first : undefined;
}

function inputOf(value: Value, opType: string): Value | undefined {
  return value.producer?.opType === opType ? value.producer.requireInput(0) : undefined;
}

function isLastAxis(source: SourceGraph, node: Node | undefined): boolean {
  if (node === undefined) return false;
  const attribute = node.attributes.get('axes');
  const axes = attribute?.type === 'ints' ? attribute.value.map(Number) : [source.scalar(node.inputs[1])];
  const rank = source.dims(node.requireInput(0))?.length ?? 0;
  return axes.length === 1 && (axes[0] === -1 || axes[0] === rank - 1);
}

/** All floats are float32 in the new graph. */
export function withoutCasts(value: Value): Value {
  const node = value.producer;
  return node !== undefined && (node.opType === 'Cast' || node.opType === 'Identity')
    ? withoutCasts(node.requireInput(0))
    : value;
}
