import type { Attribute } from '../onnx/attribute.js';
import { float, int, ints, tensor } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Model } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';
import { tensorFrom } from '../onnx/tensor.js';
import { defineFunction } from './functions.js';

export const quantizedMatMulType = 'DynamicQuantizedMatMul';
export const quantizedMatMul16Type = 'DynamicQuantizedMatMul16';
export const tokenQuantizedMatMulType = 'TokenQuantizedMatMul';

/** How a function quantizes its activations: to which type, and what shares a scale. */
export interface FunctionActivations {
  readonly type: 'int8' | 'int16';
  readonly granularity: 'tensor' | 'token';
}

/** The functions of this file by the type of their nodes. All take x, int8 weights and their scales. */
export const quantizedMatMulActivations: ReadonlyMap<string, FunctionActivations> = new Map([
  [quantizedMatMulType, { type: 'int8', granularity: 'tensor' }],
  [quantizedMatMul16Type, { type: 'int16', granularity: 'tensor' }],
  [tokenQuantizedMatMulType, { type: 'int8', granularity: 'token' }],
]);

/** Smallest normal float32. It keeps the scale of all-zero activations from being zero. */
const smallestScale = 2 ** -126;
/** ONNX's numbers of data types. */
const [float32Type, uint8Type, int64Type] = [1, 2, 7];

/**
 * Makes sure that a model has the function `quern.DynamicQuantizedMatMul`, the product of AMD's QLinear:
 *
 *     xs = max(|x|) / 128                                  over all of x
 *     q  = clip(round_half_to_even(x / xs), -128, 127)     int8
 *     y  = float32(q W) * (xs * ws)                        the product exact in int32
 *
 * The int8 values are held as uint8 with zero point 128, which is the same integer product: ONNX Runtime has a fast kernel
 * for that, and breaks its own fusion of the int8 one.
 *
 * Inputs: x float32 [..., K], W int8 [K, N], ws float32 [] or [N]. Output: y float32 [..., N]. As a function of the model it
 * stays one node with the name of its module, and ONNX Runtime inlines it.
 */
export function defineQuantizedMatMul(model: Model): void {
  defineFunction(model, quantizedMatMulType, (definition) => {
    const body = new FunctionBody(definition.body);
    const { scale, clipped } = body.quantize(128);
    const shifted = body.node('Add', 'shifted', [clipped, body.constant('shift', 128)]);
    const accumulated = body.multiply(shifted);
    body.dequantize(accumulated, scale);
  });
}

/**
 * Makes sure that a model has the function `quern.TokenQuantizedMatMul`: as `quern.DynamicQuantizedMatMul`, with a scale for
 * each token, xs = max(|x|) / 128 over its channels, float32 [..., 1], and y = (float32(q W) * ws) * xs.
 */
export function defineTokenQuantizedMatMul(model: Model): void {
  defineFunction(model, tokenQuantizedMatMulType, (definition) => {
    const body = new FunctionBody(definition.body);
    const { scale, clipped } = body.quantize(128, 'token');
    const shifted = body.node('Add', 'shifted', [clipped, body.constant('shift', 128)]);
    body.dequantizeTokens(body.multiply(shifted), scale);
  });
}

/**
 * Makes sure that a model has the function `quern.DynamicQuantizedMatMul16`, the same product with 16-bit activations:
 *
 *     xs = max(|x|) / 32768                                  over all of x
 *     q  = clip(round_half_to_even(x / xs), -32768, 32767)   int16
 *     y  = float32(q W) * (xs * ws)                          the product exact in int64, rounded once
 *
 * ONNX Runtime multiplies no 16-bit integers. q = 256 high + low with high in -128..127 and low in 0..255, so one product of
 * both, as bytes with zero point 128, gives it: q W = 256 (high W) + (low - 128) W + 128 (column sums of W). All of it is
 * exact up to the depth at which sums of 8-bit products overflow int32, 131,071.
 */
export function defineQuantizedMatMul16(model: Model): void {
  defineFunction(model, quantizedMatMul16Type, (definition) => {
    const body = new FunctionBody(definition.body);
    const { scale, clipped } = body.quantize(32_768);
    const byte = body.constant('byte', 256);
    const high = body.node('Floor', 'high', [body.node('Div', 'bytes', [clipped, byte])]);
    const low = body.node('Sub', 'low', [clipped, body.node('Mul', 'high_part', [high, byte])]);
    const shifted = body.node('Add', 'shifted', [high, body.constant('shift', 128)]);
    const first = body.node('Constant', 'first_axis', [], { value_ints: ints([0]) });
    const halves = [shifted, low].map((half, index) => body.node('Unsqueeze', `half_${index}`, [half, first]));
    const products = body.wide('products', body.multiply(body.node('Concat', 'halves', halves, { axis: int(0) })));
    const highProduct = body.node('Gather', 'high_product', [products, body.integer('high_half', 0)], { axis: int(0) });
    const lowProduct = body.node('Gather', 'low_product', [products, body.integer('low_half', 1)], { axis: int(0) });
    const scaledHigh = body.node('Mul', 'scaled_high', [highProduct, body.integer('wide_byte', 256)]);
    const columnSums = body.node('Mul', 'shift_product', [body.columnSums(), body.integer('wide_shift', 128)]);
    const sum = body.node('Add', 'sum', [scaledHigh, lowProduct]);
    body.dequantize(body.node('Add', 'shifted_back', [sum, columnSums]), scale);
  });
}

/** The parts that the products of QLinear have in common, written into the body of a function. */
class FunctionBody {
  readonly #graph: Graph;
  readonly #x: Value;
  readonly #weight: Value;
  readonly #weightScale: Value;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#x = graph.addInput('x');
    this.#weight = graph.addInput('weight');
    this.#weightScale = graph.addInput('weight_scale');
  }

  node(
    opType: string,
    output: string,
    inputs: readonly Value[],
    attributes: { [name: string]: Attribute } = {},
  ): Value {
    return this.#graph.addNode({ opType, name: output, inputs, outputs: [output], attributes }).output;
  }

  constant(output: string, value: number): Value {
    return this.node('Constant', output, [], { value_float: float(value) });
  }

  integer(output: string, value: number): Value {
    return this.node('Constant', output, [], { value_int: int(value) });
  }

  /** As int64. */
  wide(output: string, values: Value): Value {
    return this.node('Cast', output, [values], { to: int(int64Type) });
  }

  /** Sums of the columns of W, int64 [N]. ONNX Runtime computes them once, when it opens the model. */
  columnSums(): Value {
    const axes = this.node('Constant', 'depth_axis', [], { value_ints: ints([0]) });
    return this.node('ReduceSum', 'column_sums', [this.wide('wide_weight', this.#weight), axes], { keepdims: int(0) });
  }

  /** x as integers from -levels to levels - 1, still floats, and their scale: one, or one for each token. */
  quantize(
    levels: number,
    granularity: 'tensor' | 'token' = 'tensor',
  ): { readonly scale: Value; readonly clipped: Value } {
    const magnitudes = this.node('Abs', 'magnitudes', [this.#x]);
    const largest = granularity === 'token' ? this.#largestOfTokens(magnitudes) : this.#largest(magnitudes);
    const quotient = this.node('Div', 'quotient', [largest, this.constant('levels', levels)]);
    const scale = this.node('Max', 'scale', [quotient, this.constant('smallest_scale', smallestScale)]);
    const rounded = this.node('Round', 'rounded', [this.node('Div', 'scaled', [this.#x, scale])]);
    const limits = [this.constant('lowest', -levels), this.constant('highest', levels - 1)];
    return { scale, clipped: this.node('Clip', 'clipped', [rounded, ...limits]) };
  }

  #largest(magnitudes: Value): Value {
    return this.node('ReduceMax', 'largest', [magnitudes], { keepdims: int(0) });
  }

  #largestOfTokens(magnitudes: Value): Value {
    const axis = this.node('Constant', 'channel_axis', [], { value_ints: ints([-1]) });
    return this.node('ReduceMax', 'largest', [magnitudes, axis], { keepdims: int(1) });
  }

  /** (values - 128) W in int32, of values from 0 to 255. */
  multiply(values: Value): Value {
    const quantized = this.node('Cast', 'quantized', [values], { to: int(uint8Type) });
    const point = tensor(tensorFrom('uint8', [], Uint8Array.of(128)));
    const zeroPointValue = this.node('Constant', 'zero_point', [], { value: point });
    return this.node('MatMulInteger', 'accumulated', [quantized, this.#weight, zeroPointValue]);
  }

  /** Makes y, the output. */
  dequantize(accumulated: Value, scale: Value): void {
    const product = this.node('Cast', 'product', [accumulated], { to: int(float32Type) });
    const outputScale = this.node('Mul', 'output_scale', [scale, this.#weightScale]);
    this.#graph.addOutput(this.node('Mul', 'y', [product, outputScale]));
  }

  /** One scale after the other: ONNX Runtime's fusion of a product of both takes them all for that of the first token. */
  dequantizeTokens(accumulated: Value, scale: Value): void {
    const product = this.node('Cast', 'product', [accumulated], { to: int(float32Type) });
    const weighted = this.node('Mul', 'weighted', [product, this.#weightScale]);
    this.#graph.addOutput(this.node('Mul', 'y', [weighted, scale]));
  }
}
