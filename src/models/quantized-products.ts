import { QuernError } from '../errors.js';
import { intAttribute } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import type { Tensor } from '../onnx/tensor.js';
import { float32Of, int8Of, uint8Of } from '../onnx/tensor.js';
import type { Int8Weight } from '../quant/int8-weight.js';
import type { NBits, NBitsBlock, NBitsWeight } from '../quant/nbits-weight.js';
import { nbitsBlockCount, nbitsBlocks, nbitsColumnBytes } from '../quant/nbits-weight.js';
import { functionDomain } from './functions.js';
import { moduleOf } from './module-key.js';
import { type FunctionActivations, quantizedMatMulActivations } from './quantized-matmul.js';
import { type StaticProduct, staticProductOf } from './static-product.js';

interface Product {
  /** Module path, or the name of the node. */
  readonly name: string;
  /** The node that multiplies. */
  readonly node: Node;
  /** The activations before they are quantized, [..., K]. */
  readonly input: Value;
  /** The product as float32, [..., N]. */
  readonly output: Value;
  readonly weightName: string;
  /** K. */
  readonly rows: number;
  /** N. */
  readonly columns: number;
}

/** MatMulNBits: codes in groups, float activations. */
export interface NBitsProduct extends Product {
  readonly form: 'nbits';
  readonly bits: NBits;
  readonly block: NBitsBlock;
  readonly hasZeroPoints: boolean;
  readonly weight: () => NBitsWeight;
}

interface Int8Product extends Product {
  /** Constants: int8 [K, N], and float32, a scalar or [N]. */
  readonly codes: Value;
  readonly scale: Value;
  readonly weight: () => Int8Weight;
}

/** A call of one of quern's functions: symmetric int8 or int16 activations. */
export interface QLinearProduct extends Int8Product {
  readonly form: 'qlinear';
  readonly activations: FunctionActivations;
}

/** DynamicQuantizeLinear, MatMulInteger and what makes floats of its result. */
export interface QOperatorProduct extends Int8Product {
  readonly form: 'qoperator';
  readonly quantize: Node;
}

/** MatMul of what DequantizeLinear makes of the weights and of activations with a constant scale. */
export interface QdqProduct extends Int8Product {
  readonly form: 'qdq';
  /** What the MatMul reads. */
  readonly activations: Value;
}

/** A matrix product with constant quantized weights, as `quantize` writes it. */
export type QuantizedProduct = NBitsProduct | QLinearProduct | QOperatorProduct | QdqProduct;

/**
 * All products with quantized weights, in the order of the graph.
 * @throws QuernError (`input`) naming the first that has another form than those that quern writes
 */
export function findQuantizedProducts(graph: Graph): QuantizedProduct[] {
  return graph.nodes.flatMap((node) => readProduct(node) ?? []);
}

/** The products with quantized weights of a graph that have a form that quern writes. */
export function findKnownQuantizedProducts(graph: Graph): QuantizedProduct[] {
  return graph.nodes.flatMap((node) => {
    try {
      return readProduct(node) ?? [];
    } catch (error) {
      if (error instanceof QuernError) return [];
      throw error;
    }
  });
}

function readProduct(node: Node): QuantizedProduct | undefined {
  if (node.domain === 'com.microsoft' && node.opType === 'MatMulNBits') return readNBits(node);
  if (node.domain === '' && node.opType === 'MatMulInteger') return readQOperator(node);
  const product = staticProductOf(node);
  if (product !== undefined) return readQdq(node, product);
  const activations = node.domain === functionDomain ? quantizedMatMulActivations.get(node.opType) : undefined;
  return activations === undefined ? undefined : readQLinear(node, activations);
}

function readNBits(node: Node): NBitsProduct {
  const attribute = (name: string): number => intAttribute(node.attributes, name) ?? 0;
  const [rows, columns, size] = [attribute('K'), attribute('N'), attribute('block_size')];
  const bits = intAttribute(node.attributes, 'bits') ?? 4;
  const block = nbitsBlocks.find((known) => known === size);
  const [codes, scales, zeroPoints, groupIndex, bias] = [1, 2, 3, 4, 5].map((index) => node.inputs[index]);
  if ((bits !== 2 && bits !== 4 && bits !== 8) || block === undefined || rows < 1 || columns < 1) {
    throw otherForm(node, 'its attributes are not those of a weight');
  }
  if (groupIndex !== undefined || bias !== undefined) throw otherForm(node, 'it has a group index or a bias');
  const blocks = nbitsBlockCount(rows, block);
  const codesTensor = constant(node, codes, 'uint8', columns * nbitsColumnBytes(rows, block, bits));
  const scalesTensor = constant(node, scales, 'float32', 4 * columns * blocks);
  const zeroPointsTensor = zeroPoints && constant(node, zeroPoints, 'uint8', columns * Math.ceil((blocks * bits) / 8));
  const layout = { rows, columns, bits, block } as const;
  return {
    form: 'nbits',
    ...productOf(node, node.requireInput(0), node.output, codes?.name.replace(/_Q\d$/, '')),
    ...layout,
    hasZeroPoints: zeroPointsTensor !== undefined,
    weight: () => ({
      ...layout,
      codes: uint8Of(codesTensor),
      scales: float32Of(scalesTensor),
      ...(zeroPointsTensor && { zeroPoints: uint8Of(zeroPointsTensor) }),
    }),
  };
}

function readQLinear(node: Node, activations: FunctionActivations): QLinearProduct {
  const [codes, scale] = [node.requireInput(1), node.requireInput(2)];
  const common = productOf(node, node.requireInput(0), node.output, codes.name);
  return { form: 'qlinear', activations, ...common, ...int8Weight(node, codes, scale) };
}

function readQdq(node: Node, { input, activations, codes, scale }: StaticProduct): QdqProduct {
  const common = productOf(node, input, node.output, codes.name.replace(/_quantized$/, ''));
  return { form: 'qdq', activations, ...common, ...int8Weight(node, codes, scale) };
}

function readQOperator(node: Node): QOperatorProduct {
  const [activations, codes, , zeroPoint] = node.inputs;
  const quantize = activations?.producer;
  if (quantize?.opType !== 'DynamicQuantizeLinear' || codes === undefined) {
    throw otherForm(node, 'its activations are not quantized by DynamicQuantizeLinear');
  }
  if (zeroPoint?.initializer?.bytes().some((byte) => byte !== 0)) {
    throw otherForm(node, 'its weights have a zero point');
  }
  const output = onlyReader(onlyReader(node, 'Cast'), 'Mul').output;
  const scales = output.producer?.inputs.find((value) => value?.producer?.opType === 'Mul')?.producer;
  const scale = scales?.inputs.find((value) => value?.initializer !== undefined);
  const isProductOfScales = scales?.inputs.some((value) => value === quantize.outputs[1]) ?? false;
  if (scale === undefined || !isProductOfScales) throw otherForm(node, 'its result is not scaled as usual');
  const common = productOf(node, quantize.requireInput(0), output, codes.name.replace(/_quantized$/, ''));
  return { form: 'qoperator', quantize, ...common, ...int8Weight(node, codes, scale) };
}

function productOf(
  node: Node,
  input: Value,
  output: Value,
  weightName: string | undefined,
): Pick<Product, 'name' | 'node' | 'input' | 'output' | 'weightName'> {
  const name = moduleOf(node);
  return { name, node, input, output, weightName: weightName ?? `${name}.weight` };
}

function int8Weight(
  node: Node,
  codes: Value,
  scale: Value,
): Pick<Int8Product, 'codes' | 'scale' | 'weight' | 'rows' | 'columns'> {
  const [rows, columns] = codes.initializer?.dims ?? [];
  if (rows === undefined || columns === undefined) throw otherForm(node, 'its weights are not a constant matrix');
  const granularity = scale.initializer?.dims.length === 0 ? 'tensor' : 'channel';
  const codesTensor = constant(node, codes, 'int8', rows * columns);
  const scaleTensor = constant(node, scale, 'float32', granularity === 'tensor' ? 4 : 4 * columns);
  const weight = (): Int8Weight => {
    return { rows, columns, granularity, codes: int8Of(codesTensor), scales: float32Of(scaleTensor) };
  };
  return { codes, scale, rows, columns, weight };
}

/** Sizes come from a model file, so they are checked. */
function constant(node: Node, value: Value | undefined, dataType: Tensor['dataType'], byteLength: number): Tensor {
  const tensor = value?.initializer;
  if (tensor?.dataType === dataType && tensor.byteLength === byteLength) return tensor;
  throw otherForm(node, `its weights are not constants of ${byteLength} bytes of ${dataType}`);
}

function onlyReader(node: Node, opType: string): Node {
  const [use, ...others] = node.output.uses;
  if (use === undefined || others.length > 0 || use.node.opType !== opType) {
    throw otherForm(node, `its result is not read by one ${opType}`);
  }
  return use.node;
}

function otherForm(node: Node, reason: string): QuernError {
  return new QuernError('input', `${node.name} (${node.opType}) has another form than quern writes: ${reason}`);
}
