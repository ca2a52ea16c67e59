import type { QuantizedProduct } from '../../../models/quantized-products.js';
import { int } from '../../../onnx/attribute.js';
import { notExpressible } from './form.js';

/** Checks that all products are MatMulNBits, and writes down the accuracy level of those that leave it open. */
export function requireNBits(products: readonly QuantizedProduct[]): void {
  for (const product of products) {
    if (product.form !== 'nbits') {
      throw notExpressible(product, 'nbits', 'its activations are quantized, and those of MatMulNBits are not');
    }
    const { node } = product;
    if (!node.attributes.has('accuracy_level')) node.setAttribute('accuracy_level', int(0));
  }
}
