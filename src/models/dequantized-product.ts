import { unreachable } from '../errors.js';
import { dequantizeInt8, dequantizeNBits } from '../quant/dequantize.js';
import type { Matrix } from '../quant/matrix.js';
import type { QuantizedProduct } from './quantized-products.js';

/** The float32 weight that the codes of a product stand for, [K, N]. */
export function dequantizedProduct(product: QuantizedProduct): Matrix {
  switch (product.form) {
    case 'nbits':
      return dequantizeNBits(product.weight());
    case 'qlinear':
    case 'qoperator':
    case 'qdq':
      return dequantizeInt8(product.weight());
    default:
      return unreachable(product);
  }
}
