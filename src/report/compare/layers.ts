import { dequantizedProduct } from '../../models/dequantized-product.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { findQuantizedProducts, type QuantizedProduct } from '../../models/quantized-products.js';
import type { Graph } from '../../onnx/ir.js';
import { type TensorDistance, tensorDistance, tensorType } from './tensors.js';

/** A linear layer that is quantized in at least one of two models, and whose weight stands for other values. */
export interface ChangedLayer {
  readonly name: string;
  /** How its weight is held and its shape, for example `int8[256,1024]`. */
  readonly before: string;
  readonly after: string;
  /** Between the float32 values that the weights stand for. `null` where the shape changed. */
  readonly distance: TensorDistance | null;
}

/** A weight, [input features, output features]. */
interface LayerWeight {
  readonly dataType: string;
  readonly dims: readonly [number, number];
  readonly isQuantized: boolean;
  /** The float32 values that it stands for. */
  bytes(): Uint8Array;
}

/**
 * Compares the weights of linear layers by the names of their modules, whatever operators and constants hold them. Float
 * weights on both sides are left to the comparison of tensors. Two weights are in memory at a time.
 * @throws QuernError (`input`) for a quantized product of another form than quern writes
 */
export function compareLayers(before: Graph, after: Graph): readonly ChangedLayer[] {
  const others = weightsByName(after);
  return [...weightsByName(before)].flatMap(([name, weight]) => {
    const other = others.get(name);
    if (other === undefined || !(weight.isQuantized || other.isQuantized)) return [];
    return compareWeights(name, weight, other) ?? [];
  });
}

function compareWeights(name: string, before: LayerWeight, after: LayerWeight): ChangedLayer | undefined {
  const texts = { before: tensorType(before), after: tensorType(after) };
  const [rows, columns] = before.dims;
  if (rows !== after.dims[0] || columns !== after.dims[1]) return { name, ...texts, distance: null };
  const [beforeBytes, afterBytes] = [before.bytes(), after.bytes()];
  if (Buffer.compare(beforeBytes, afterBytes) === 0) return undefined;
  return { name, ...texts, distance: tensorDistance('float32', rows * columns, beforeBytes, afterBytes) };
}

function weightsByName(graph: Graph): ReadonlyMap<string, LayerWeight> {
  return new Map([
    ...findLinearLayers(graph).map(({ name, tensor, inputFeatures, outputFeatures }) => {
      const dims = [inputFeatures, outputFeatures] as const;
      return [name, { dataType: 'float32', dims, isQuantized: false, bytes: () => tensor.bytes() }] as const;
    }),
    ...findQuantizedProducts(graph).map((product) => [product.name, quantizedWeight(product)] as const),
  ]);
}

function quantizedWeight(product: QuantizedProduct): LayerWeight {
  return {
    dataType: product.form === 'nbits' ? `uint${product.bits}` : 'int8',
    dims: [product.rows, product.columns],
    isQuantized: true,
    bytes: () => {
      const { buffer, byteOffset, byteLength } = dequantizedProduct(product).values;
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  };
}
