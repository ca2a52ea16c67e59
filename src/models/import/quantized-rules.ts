import { intAttribute } from '../../onnx/attribute.js';
import { byteLengthOf, type DataType } from '../../onnx/data-type.js';
import type { Node, Value } from '../../onnx/node.js';
import { MemoryTensor } from '../../onnx/tensor.js';
import { copyNode, nodeName } from './copy-node.js';
import type { ImportContext, ImportRule } from './import-context.js';
import { linearName } from './linear-rule.js';
import { withoutMoves } from './plain-rules.js';
import type { SourceGraph } from './source-graph.js';

/** What the constants that an operator reads are called behind the name of its module, by their inputs. */
type ConstantNames = (node: Node) => readonly (string | undefined)[];

/** Products with quantized weights, which are their second input. Names are those of ONNX Runtime's quantizers. */
const products: { readonly [operatorType: string]: ConstantNames } = {
  MatMulInteger: () => [undefined, 'weight_quantized', undefined, 'weight_zero_point'],
  'com.microsoft.MatMulIntegerToFloat': () => [
    ...[undefined, 'weight_quantized', undefined, 'weight_scale', undefined, 'weight_zero_point', 'bias'],
  ],
  'com.microsoft.DynamicQuantizeMatMul': () => [
    ...[undefined, 'weight_quantized', 'weight_scale', 'weight_zero_point', 'bias'],
  ],
  'com.microsoft.MatMulNBits': (node) => [
    ...[undefined, codesName(node), 'weight_scales', 'weight_zero_points', 'weight_group_index', 'bias'],
  ],
};

const tableConstants: ConstantNames = (node) => [codesName(node), undefined, 'weight_scales', 'weight_zero_points'];

function codesName({ attributes }: Node): string {
  return `weight_Q${intAttribute(attributes, 'bits') ?? 4}`;
}

function typeOf({ domain, opType }: Node): string {
  return domain === '' ? opType : `${domain}.${opType}`;
}

/** Whether a value is what an operator multiplies quantized weights with. */
export function isQuantizedProduct(source: SourceGraph, value: Value): boolean {
  const node = value.producer;
  const weights = node === undefined || !Object.hasOwn(products, typeOf(node)) ? undefined : node.inputs[1];
  return weights !== undefined && source.hasContents(value) && source.constant(weights) !== undefined;
}

/** Operators of quantized layers are taken over as they are: what they round, and where, is what the model computes. */
export const quantizedOperatorRule: ImportRule = (context, value) => {
  const { source } = context;
  const node = value.producer;
  if (node === undefined) return undefined;
  const type = typeOf(node);
  const [input, second] = node.inputs;
  if (second !== undefined && isQuantizedProduct(source, value)) {
    return takenOver(context, value, node, linearName(context, { node, weight: second }), products[type]);
  }
  switch (type) {
    case 'DynamicQuantizeLinear':
      return takenOver(context, value, node);
    case 'Cast':
      return input?.producer?.opType === 'MatMulInteger' ? takenOver(context, value, node) : undefined;
    case 'QuantizeLinear':
    case 'DequantizeLinear':
      return second !== undefined && isOne(source, second) ? takenOver(context, value, node) : undefined;
    case 'com.microsoft.GatherBlockQuantized': {
      if (input === undefined || source.constant(input) === undefined) return undefined;
      return takenOver(context, value, node, context.names.moduleOf(node) || 'embedding', tableConstants);
    }
    default:
      return undefined;
  }
};

/** The value of the new graph that a copy of the node computes. Nodes that read the same constant share it. */
function takenOver(
  context: ImportContext,
  value: Value,
  node: Node,
  name = nodeName(context, node),
  constants: ConstantNames = () => [],
): Value | undefined {
  const unique = context.builder.graph.uniqueName(name);
  const names = constants(node);
  const copy = copyNode(context, node, unique, (constant, tensor, index) =>
    context.sharedConstant(constant, tensor, `${unique}.${names[index] ?? `constant_${index}`}`),
  );
  return copy.outputs[node.outputs.indexOf(value)];
}

/** Whether a value is one number, so that it means the same whatever the form of what it scales. */
function isOne(source: SourceGraph, value: Value): boolean {
  return source.dims(value)?.every((size) => size === 1) ?? false;
}

/** A MatMul of weights that come out of a DequantizeLinear. */
export const dequantizedWeightRule: ImportRule = (context, value) => {
  const { builder, source } = context;
  const node = value.producer;
  const [input, weight] = node?.opType === 'MatMul' && node.domain === '' ? node.inputs : [];
  const dequantize = weight?.producer;
  if (node === undefined || input === undefined || weight === undefined || dequantize === undefined) return undefined;
  if (dequantize.opType !== 'DequantizeLinear' || !source.hasContents(input)) return undefined;
  const [codes, scale, zeroPoint] = dequantize.inputs.map((constant) => constant?.initializer);
  const isConstant = dequantize.inputs.every(
    (constant) => constant === undefined || constant.initializer !== undefined,
  );
  if (!isConstant || codes?.dims.length !== 2 || scale === undefined) return undefined;
  const name = linearName(context, { node, weight: dequantize.requireInput(0) });
  const operands = [
    context.constant(`${name}.weight_quantized`, source.constant(dequantize.requireInput(0)) ?? codes),
    context.constant(`${name}.weight_scale`, source.constant(dequantize.requireInput(1)) ?? scale),
    // ONNX Runtime 1.30 fails at DequantizeLinear without zero points in some of its optimizations.
    context.constant(`${name}.weight_zero_point`, zeroPoint ?? zerosOf(codes.dataType, scale.dims)),
  ];
  const attributes = Object.fromEntries(dequantize.attributes);
  const dequantized = builder.node('DequantizeLinear', `${name}/weight`, operands, attributes);
  return builder.node('MatMul', name, [context.translate(input), dequantized]);
};

/** A value without contents that is the positions' rows of a quantized table. */
export const quantizedPositionRule: ImportRule = (context, value) => {
  const node = withoutMoves(value).producer;
  const [codes, ...constants] = node?.inputs ?? [];
  if (node?.opType !== 'DequantizeLinear' || codes?.producer?.opType !== 'Gather') return undefined;
  if (constants.some((constant) => constant !== undefined && !isOne(context.source, constant))) return undefined;
  return takenOver(context, node.output, node);
};

function zerosOf(dataType: DataType, dims: readonly number[]): MemoryTensor {
  return new MemoryTensor(dataType, dims, new Uint8Array(byteLengthOf(dataType, dims) ?? 0));
}
