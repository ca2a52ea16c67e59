import { functionDomain } from '../models/functions.js';
import { qdqMatMulType } from '../models/group-qdq.js';
import { tokenQuantizedMatMulType } from '../models/quantized-matmul.js';
import { intAttribute } from '../onnx/attribute.js';
import type { Node } from '../onnx/node.js';
import { operatorTypeOf } from './operators.js';

const elementwise = [
  ...['Abs', 'Cast', 'Clip', 'Cos', 'Erf', 'Exp', 'Gelu', 'HardSigmoid', 'HardSwish', 'Identity', 'LeakyRelu', 'Log'],
  ...['Mish', 'Neg', 'Pow', 'Reciprocal', 'Relu', 'Sigmoid', 'Sin', 'Softplus', 'Sqrt', 'Swish', 'Tanh'],
  ...['Add', 'Div', 'Max', 'Min', 'Mul', 'Sub', 'QuantizeLinear', 'DequantizeLinear'],
  ...['com.microsoft.BiasGelu', 'com.microsoft.FastGelu', 'com.microsoft.Gelu', 'com.microsoft.QuickGelu'],
];
const norms = ['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'];
const products = [
  ...['MatMul', 'MatMulInteger', 'com.microsoft.MatMulNBits'],
  `${functionDomain}.${tokenQuantizedMatMulType}`,
];
const sequenceOperators = ['Gather', 'Reshape', 'RotaryEmbedding', 'Split', 'com.microsoft.GroupQueryAttention'];

/**
 * Whether a node computes the results of each token from what it reads of that token, and keeps tokens apart in the same
 * dimension. Not so DynamicQuantizeLinear, whose scale is that of all tokens of a pass.
 */
export function isRowWise(node: Node): boolean {
  const type = operatorTypeOf(node);
  if (elementwise.includes(type) || type.startsWith(`${functionDomain}.${qdqMatMulType}_`)) return true;
  if (norms.includes(type)) return (intAttribute(node.attributes, 'axis') ?? -1) === -1;
  return products.includes(type) && node.inputs[1]?.initializer !== undefined;
}

/** Whether a prompt gives the same results, rounding apart, when it is read in parts. */
export function canReadInParts(nodes: readonly Node[]): boolean {
  return nodes.every((node) => isRowWise(node) || sequenceOperators.includes(operatorTypeOf(node)));
}
