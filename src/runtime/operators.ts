import { functionDomain } from '../models/functions.js';
import { qdqMatMulType } from '../models/group-qdq.js';
import { quantizedMatMul16Type, quantizedMatMulType, tokenQuantizedMatMulType } from '../models/quantized-matmul.js';
import { intAttribute } from '../onnx/attribute.js';
import type { Node, Value } from '../onnx/node.js';
import type { Tensor } from '../onnx/tensor.js';
import type { ActivationType, LinearOperator, WeightFormat } from './devices/device.js';

/** What an operator is to a device: a product with a weight matrix, or something else and why. */
export type OperatorRole =
  | { readonly isLinear: true; readonly operator: LinearOperator }
  | { readonly isLinear: false; readonly reason: string };

/** Operator type as messages and reports show it, with its domain unless it is one of ONNX itself. */
export function operatorTypeOf({ domain, opType }: Node): string {
  return domain === '' ? opType : `${domain}.${opType}`;
}

/** Path of the PyTorch module that a node computes, or the name of the node. */
export function moduleNameOf(node: Node): string {
  return node.metadata.get('quern.module') ?? node.name;
}

const readers: { readonly [operatorType: string]: (node: Node) => OperatorRole } = {
  MatMul: readMatMul,
  Gemm: readGemm,
  MatMulInteger: readMatMulInteger,
  [`${functionDomain}.${quantizedMatMulType}`]: (node) => readQuantizedMatMul(node, 'int8'),
  [`${functionDomain}.${quantizedMatMul16Type}`]: (node) => readQuantizedMatMul(node, 'int16'),
  [`${functionDomain}.${tokenQuantizedMatMulType}`]: () => other('scales of tokens are not supported by any device'),
  'com.microsoft.MatMulNBits': readMatMulNBits,
};

/** Reads from a node whether it is a linear operator, and of which shape and weight format. */
export function roleOf(node: Node): OperatorRole {
  const type = operatorTypeOf(node);
  if (type.startsWith(`${functionDomain}.${qdqMatMulType}_`)) return readQdqMatMul(node);
  const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
  return read === undefined ? other(`${type} is not a linear operator`) : read(node);
}

function readMatMul(node: Node): OperatorRole {
  return matrixProduct(node.requireInput(1), false, {
    operatorType: 'MatMul',
    activations: 'float32',
    scheme: 'float',
  });
}

function readGemm(node: Node): OperatorRole {
  if (intAttribute(node.attributes, 'transA') === 1)
    return other('Gemm with transposed activations is not a linear operator');
  const isTransposed = intAttribute(node.attributes, 'transB') === 1;
  return matrixProduct(node.requireInput(1), isTransposed, {
    operatorType: 'Gemm',
    activations: 'float32',
    scheme: 'float',
  });
}

/** ONNX Runtime's dynamic quantization. Devices take weights without a zero point. */
function readMatMulInteger(node: Node): OperatorRole {
  const [activations, weight, , weightZeroPoint] = node.inputs;
  if (activations === undefined || weight === undefined) return other('MatMulInteger without two inputs');
  if (!isZero(weightZeroPoint)) return other('weights with a zero point that is not 0');
  const isPerChannel = (weightZeroPoint?.initializer?.dims.length ?? 0) > 0;
  return matrixProduct(weight, false, {
    operatorType: 'MatMulInteger',
    activations: integerTypeOf(activations),
    scheme: isPerChannel ? 'w8a8-ort-channel' : 'w8a8-ort',
  });
}

/** AMD's QLinear: to a device a MatMul of integers. */
function readQuantizedMatMul(node: Node, activations: 'int8' | 'int16'): OperatorRole {
  const scale = node.requireInput(2).initializer;
  const isPerChannel = scale !== undefined && scale.dims.length > 0;
  const name = activations === 'int8' ? 'w8a8' : 'w8a16';
  return matrixProduct(node.requireInput(1), false, {
    operatorType: 'MatMul',
    activations,
    scheme: isPerChannel ? `${name}-channel` : name,
  });
}

/** A product with the QuantizeLinear and DequantizeLinear nodes around it: devices that know this form take it whole. */
function readQdqMatMul(node: Node): OperatorRole {
  const tensor = node.requireInput(1).initializer;
  const [k, n] = tensor?.dims ?? [];
  if (tensor === undefined || k === undefined || n === undefined || tensor.dims.length !== 2) {
    return other('weights are not a constant matrix');
  }
  const is4Bit = tensor.dataType === 'int4' || tensor.dataType === 'uint4';
  const weights: WeightFormat | undefined = is4Bit ? { type: 'int4', groupSize: k } : weightFormatOf(tensor);
  if (weights === undefined) return other(`${tensor.dataType} weights are not supported by any device`);
  return {
    isLinear: true,
    operator: {
      operatorType: qdqMatMulType,
      k,
      n,
      weights,
      constantWeights: true,
      activations: 'float32',
      scheme: 'qdq',
    },
  };
}

function readMatMulNBits(node: Node): OperatorRole {
  const attribute = (name: string): number => {
    const value = intAttribute(node.attributes, name);
    if (value === undefined) throw new Error(`MatMulNBits node ${node.name} has no attribute ${name}`);
    return value;
  };
  const bits = intAttribute(node.attributes, 'bits') ?? 4;
  if (bits !== 4) return other(`${bits}-bit groups of weights are not supported by any device`);
  if (node.inputs[4] !== undefined || node.inputs[5] !== undefined) {
    return other('MatMulNBits with a group index or a bias is not supported by any device');
  }
  const groupSize = attribute('block_size');
  return {
    isLinear: true,
    operator: {
      operatorType: 'MatMulNBits',
      k: attribute('K'),
      n: attribute('N'),
      weights: { type: 'int4', groupSize },
      constantWeights: node.requireInput(1).initializer !== undefined,
      activations: 'float32',
      scheme: 'w4-nbits',
    },
  };
}

/** A product with a k x n weight matrix (n x k if transposed). */
function matrixProduct(
  weight: Value,
  isTransposed: boolean,
  description: Pick<LinearOperator, 'operatorType' | 'activations' | 'scheme'>,
): OperatorRole {
  const tensor = weight.initializer;
  if (tensor === undefined)
    return other(`${description.operatorType} of two computed values: weights are not constant`);
  const [rows, columns] = tensor.dims;
  if (rows === undefined || columns === undefined || tensor.dims.length !== 2) return other('weights are not a matrix');
  const weights = weightFormatOf(tensor);
  if (weights === undefined) return other(`${tensor.dataType} weights are not supported by any device`);
  const [k, n] = isTransposed ? [columns, rows] : [rows, columns];
  return { isLinear: true, operator: { ...description, k, n, weights, constantWeights: true } };
}

function weightFormatOf({ dataType }: Tensor): WeightFormat | undefined {
  switch (dataType) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
    case 'int8':
    case 'uint8':
      return { type: dataType };
    default:
      return undefined;
  }
}

function integerTypeOf(value: Value): ActivationType {
  const isSigned = value.initializer?.dataType === 'int8' || value.type?.dataType === 'int8';
  return isSigned ? 'int8' : 'uint8';
}

function isZero(zeroPoint: Value | undefined): boolean {
  if (zeroPoint === undefined) return true;
  return zeroPoint.initializer?.bytes().every((byte) => byte === 0) ?? false;
}

function other(reason: string): OperatorRole {
  return { isLinear: false, reason };
}
