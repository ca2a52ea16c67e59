import { unreachable } from '../../../errors.js';
import type {
  NBitsProduct,
  QLinearProduct,
  QOperatorProduct,
  QuantizedProduct,
} from '../../../models/quantized-products.js';
import type { Attribute } from '../../../onnx/attribute.js';
import { int } from '../../../onnx/attribute.js';
import type { Model } from '../../../onnx/model.js';
import type { Value } from '../../../onnx/node.js';
import { replaceOutput } from '../../../onnx/replace-output.js';
import { float32Scalar, int64Vector, LazyTensor, MemoryTensor } from '../../../onnx/tensor.js';
import { rowMajorCodes, rowMajorGroupDims, rowMajorZeroPoints } from '../../../quant/nbits-rows.js';
import type { NBitsWeight } from '../../../quant/nbits-weight.js';
import { groupRowsOf } from '../../../quant/nbits-zero-points.js';
import { notExpressible } from './form.js';

type OtherProduct = Exclude<QuantizedProduct, { form: 'qdq' }>;

/**
 * Each product becomes a MatMul of what DequantizeLinear makes of its weights: in blocks for groups of weights. Activations
 * that were quantized go through a pair of QuantizeLinear and DequantizeLinear with a scale that is found in them.
 */
export function toQdq(_model: Model, products: readonly QuantizedProduct[]): void {
  for (const product of products) {
    if (product.form === 'qdq') continue;
    const writer = new ProductWriter(product);
    writer.replace(activations(writer, product), weights(writer, product));
  }
}

function activations(writer: ProductWriter, product: OtherProduct): Value {
  switch (product.form) {
    case 'nbits':
      return product.input;
    case 'qlinear':
      return symmetricActivations(writer, product);
    case 'qoperator':
      return asymmetricActivations(writer, product);
    default:
      return unreachable(product);
  }
}

function weights(writer: ProductWriter, product: OtherProduct): Value {
  return product.form === 'nbits' ? groupWeights(writer, product) : int8Weights(writer, product);
}

/** DequantizeLinear has the parameters of DynamicQuantizeLinear as they are. */
function asymmetricActivations(writer: ProductWriter, { quantize, input }: QOperatorProduct): Value {
  const [codes, scale, zeroPoint] = quantize.outputs;
  return writer.shared('DequantizeLinear', `${input.name}_DequantizeLinear`, [codes, scale, zeroPoint]);
}

/** Smallest normal float32, as in quern's function. */
const smallestScale = 2 ** -126;

/** ONNX's number of int8. */
const int8Type = 3;

/** max(|x|) / 2^(bits - 1) is the scale, over all of x or in blocks that are the channels of a token. */
function symmetricActivations(writer: ProductWriter, { input, rows, activations }: QLinearProduct): Value {
  const { type, granularity } = activations;
  const isPerToken = granularity === 'token';
  const levels = type === 'int8' ? 128 : 32_768;
  const name = isPerToken ? `${input.name}_token_${type}` : `${input.name}_${type}`;
  const magnitudes = writer.shared('Abs', `${name}_magnitudes`, [input]);
  const axes = isPerToken ? [writer.constant('channel_axis', int64Vector([-1]))] : [];
  const keepdims = int(isPerToken ? 1 : 0);
  const largest = writer.shared('ReduceMax', `${name}_largest`, [magnitudes, ...axes], { keepdims });
  const limit = writer.constant(`${type}_levels`, float32Scalar(levels));
  const quotient = writer.shared('Div', `${name}_quotient`, [largest, limit]);
  const least = writer.constant('smallest_scale', float32Scalar(smallestScale));
  const scale = writer.shared('Max', `${name}_scale`, [quotient, least]);
  const quantizeName = `${name}_QuantizeLinear`;
  const dequantizeName = `${name}_DequantizeLinear`;
  if (isPerToken) {
    const blocks = { axis: int(-1), block_size: int(rows) };
    const codes = writer.shared('QuantizeLinear', quantizeName, [input, scale], {
      ...blocks,
      output_dtype: int(int8Type),
    });
    return writer.shared('DequantizeLinear', dequantizeName, [codes, scale], blocks);
  }
  const zeroPoint = writer.constant(`${type}_zero`, zeroOf(type));
  const codes = writer.shared('QuantizeLinear', quantizeName, [input, scale, zeroPoint]);
  return writer.shared('DequantizeLinear', dequantizeName, [codes, scale, zeroPoint]);
}

function zeroOf(type: 'int8' | 'int16'): MemoryTensor {
  return new MemoryTensor(type, [], new Uint8Array(type === 'int8' ? 1 : 2));
}

/** ONNX Runtime 1.30 fails at DequantizeLinear without zero points in some of its optimizations: they are always given. */
function int8Weights(
  writer: ProductWriter,
  { codes, scale, columns, weightName }: QLinearProduct | QOperatorProduct,
): Value {
  const isPerChannel = scale.initializer?.dims.length === 1;
  const dims = isPerChannel ? [columns] : [];
  const zeros = new MemoryTensor('int8', dims, new Uint8Array(isPerChannel ? columns : 1));
  const zeroPoint = writer.constant(`${weightName}_zero_point`, zeros);
  return writer.node('DequantizeLinear', 'weight', [codes, scale, zeroPoint], isPerChannel ? { axis: int(1) } : {});
}

/** Each tensor is computed when it is written, so that no more than one is in memory. */
function groupWeights(writer: ProductWriter, product: NBitsProduct): Value {
  const { bits, block, hasZeroPoints, rows, columns, weightName, weight } = product;
  if (bits === 2) throw notExpressible(product, 'qdq', 'DequantizeLinear takes no codes of 2 bits before opset 25');
  const dims = rowMajorGroupDims(product);
  const type = `${hasZeroPoints ? 'u' : ''}int${bits}` as const;
  const inputs = [
    writer.constant(`${weightName}_${type}`, new LazyTensor(type, [rows, columns], () => rowMajorCodes(weight()))),
    writer.constant(`${weightName}_block_scales`, new LazyTensor('float32', dims, () => blockScales(weight()))),
    writer.constant(`${weightName}_block_zero_points`, new LazyTensor(type, dims, () => rowMajorZeroPoints(weight()))),
  ];
  return writer.node('DequantizeLinear', 'weight', inputs, { axis: int(0), block_size: int(block) });
}

function blockScales({ scales, columns }: NBitsWeight): Uint8Array {
  const { buffer, byteOffset, byteLength } = groupRowsOf(scales, columns);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Writes what stands in the place of a product. */
class ProductWriter {
  readonly #product: QuantizedProduct;

  constructor(product: QuantizedProduct) {
    this.#product = product;
  }

  /** A constant, which other products may have by the same name. */
  constant(name: string, tensor: MemoryTensor | LazyTensor): Value {
    const { graph } = this.#product.node;
    return graph.initializers.get(name) ?? graph.addInitializer(name, tensor);
  }

  /** A node of one output that other products of the same activations share. */
  shared(
    opType: string,
    name: string,
    inputs: readonly (Value | undefined)[],
    attributes: { readonly [name: string]: Attribute } = {},
  ): Value {
    const { node } = this.#product;
    const known = node.graph.value(name);
    if (known !== undefined) return known;
    return node.graph.addNode({ opType, name, inputs, outputs: [name], attributes, before: node }).output;
  }

  node(
    opType: string,
    part: string,
    inputs: readonly Value[],
    attributes: { readonly [name: string]: Attribute } = {},
  ): Value {
    return this.shared(opType, `${this.#product.name}/${part}`, inputs, attributes);
  }

  /** MatMul in the place of the product. */
  replace(left: Value, right: Value): void {
    const { node, name, output } = this.#product;
    const { graph } = node;
    replaceOutput(output, `${output.name}/qdq`, (temporary) => {
      graph
        .addNode({
          opType: 'MatMul',
          name: graph.uniqueName(`${name}/product`),
          inputs: [left, right],
          outputs: [temporary],
          before: node,
        })
        .metadata.set('quern.module', name);
    });
  }
}
