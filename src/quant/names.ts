/**
 * The nodes that ONNX Runtime's Python quantizers put in the place of a MatMul, with their names, so that a graph
 * quantized here is the same graph.
 */

import type { Int8Granularity } from './int8-weight.js';

/** A node as data, in the terms of ONNX's NodeProto. The domain is '' for ai.onnx. */
export interface NodeDescription {
  readonly opType: string;
  readonly domain: '' | 'com.microsoft';
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: { readonly [name: string]: number };
}

/** The MatMul that is replaced. `name` may be empty. */
export interface MatMulDescription {
  readonly name: string;
  readonly activation: string;
  /** The initializer [K, N]. */
  readonly weight: string;
  readonly output: string;
}

/** Names of a quantized tensor, its scale and its zero point. */
export interface QuantizedNames {
  readonly quantized: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

/** ONNX's number for float32, the type a Cast gives. */
const floatType = 1;

/**
 * What `quantize_dynamic` calls the parts of a tensor. Those of a weight are initializers: `quantized` int8 [K, N],
 * `scale` float32 and `zeroPoint` int8 (0), the last two scalars, or [N] with `per_channel=True`.
 */
export function quantizedNames(tensor: string): QuantizedNames {
  return { quantized: `${tensor}_quantized`, scale: `${tensor}_scale`, zeroPoint: `${tensor}_zero_point` };
}

/** The node that quantizes an activation to uint8. All MatMuls that read the activation share it. */
export function dynamicQuantizeNode(activation: string): NodeDescription {
  const { quantized, scale, zeroPoint } = quantizedNames(activation);
  return node('DynamicQuantizeLinear', `${activation}_QuantizeLinear`, [activation], [quantized, scale, zeroPoint]);
}

/**
 * The four nodes of `quantize_dynamic` for one MatMul, in topological order: the product of the two scales,
 * MatMulInteger, Cast to float32, and the product of both. The last one's output is that of the MatMul. Weights that
 * several MatMuls share are quantized once; Gemm becomes MatMul and Add before.
 *
 * Without a node name the product of the scales is named after the scales, and one of that name is used again.
 */
export function integerMatMulNodes({
  name,
  activation,
  weight,
  output,
}: MatMulDescription): readonly NodeDescription[] {
  const a = quantizedNames(activation);
  const b = quantizedNames(weight);
  const matMulName = name && `${name}_quant`;
  const scalesName = matMulName ? `${matMulName}_scales_mul` : `${a.scale}_${b.scale}_mul`;
  const scales = `${scalesName}:0`;
  const integers = `${output}_output_quantized`;
  const floats = `${integers}_cast_output`;
  return [
    node('Mul', scalesName, [a.scale, b.scale], [scales]),
    node('MatMulInteger', matMulName, [a.quantized, b.quantized, a.zeroPoint, b.zeroPoint], [integers]),
    { ...node('Cast', `${integers}_cast`, [integers], [floats]), attributes: { to: floatType } },
    node('Mul', matMulName && `${matMulName}_output_scale_mul`, [floats, scales], [output]),
  ];
}

/**
 * The pair of `quantize_static` around an activation, which all MatMuls that read it share. `name` begins the names of its
 * parts; scale and zero point are constants.
 */
export function quantizePairNodes(activation: string, name: string): readonly [NodeDescription, NodeDescription] {
  const { scale, zeroPoint } = quantizedNames(name);
  const [quantize, dequantize] = [`${name}_QuantizeLinear`, `${name}_DequantizeLinear`];
  const codes = `${quantize}_Output`;
  return [
    node('QuantizeLinear', quantize, [activation, scale, zeroPoint], [codes]),
    node('DequantizeLinear', dequantize, [codes, scale, zeroPoint], [`${dequantize}_Output`]),
  ];
}

/** The node of `quantize_static` that makes floats of an int8 weight. */
export function dequantizeWeightNode(weight: string, granularity: Int8Granularity): NodeDescription {
  const { quantized, scale, zeroPoint } = quantizedNames(weight);
  const name = `${weight}_DequantizeLinear`;
  const description = node('DequantizeLinear', name, [quantized, scale, zeroPoint], [`${name}_Output`]);
  return granularity === 'tensor' ? description : { ...description, attributes: { axis: 1 } };
}

/** A MatMul, of a weight that need not be an initializer. */
export function matMulNode({ name, activation, weight, output }: MatMulDescription): NodeDescription {
  return node('MatMul', name, [activation, weight], [output]);
}

/** Initializers of MatMulNBits: the packed codes (uint8), the scales (float32) and the packed zero points (uint8). */
export interface NBitsNames {
  readonly codes: string;
  readonly scales: string;
  /** Only of an asymmetric weight. */
  readonly zeroPoints: string;
}

/** What MatMulNBitsQuantizer calls the initializers of a weight. */
export function nbitsNames(weight: string, bits: number): NBitsNames {
  return { codes: `${weight}_Q${bits}`, scales: `${weight}_scales`, zeroPoints: `${weight}_zero_points` };
}

/** What MatMulNBits needs to know besides its inputs. */
export interface NBitsAttributes {
  /** K, the input features. */
  readonly rows: number;
  /** N, the output features. */
  readonly columns: number;
  readonly bits: number;
  readonly block: number;
  /** Without zero points they are the middle of the codes. */
  readonly hasZeroPoints: boolean;
  /** Left out of the node if 0. */
  readonly accuracyLevel: number;
}

/** The node of MatMulNBitsQuantizer for one MatMul. */
export function nbitsMatMulNode(matMul: MatMulDescription, attributes: NBitsAttributes): NodeDescription {
  const { name, activation, weight, output } = matMul;
  const { rows, columns, bits, block, hasZeroPoints, accuracyLevel } = attributes;
  const { codes, scales, zeroPoints } = nbitsNames(weight, bits);
  return {
    opType: 'MatMulNBits',
    domain: 'com.microsoft',
    name: name && `${name}_Q${bits}`,
    inputs: hasZeroPoints ? [activation, codes, scales, zeroPoints] : [activation, codes, scales],
    outputs: [output],
    attributes: {
      K: rows,
      N: columns,
      bits,
      block_size: block,
      ...(accuracyLevel !== 0 && { accuracy_level: accuracyLevel }),
    },
  };
}

function node(opType: string, name: string, inputs: readonly string[], outputs: readonly string[]): NodeDescription {
  return { opType, domain: '', name, inputs, outputs, attributes: {} };
}
