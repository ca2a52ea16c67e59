import { functionDomain } from '../../../models/functions.js';
import { quantizedMatMulActivations } from '../../../models/quantized-matmul.js';
import type { QuantizedProduct } from '../../../models/quantized-products.js';
import { inlineFunctions } from '../../../onnx/inline-functions.js';
import type { Model } from '../../../onnx/model.js';
import { notExpressible } from './form.js';

const refusals: { readonly [Form in QuantizedProduct['form']]?: string } = {
  nbits: 'its activations are not quantized, and those of MatMulInteger are',
  qdq: 'the scale of its activations is fixed, and MatMulInteger is for those that are found at run time',
};

/** Products of quern's functions become the operators that these consist of, MatMulInteger among them, with the same results. */
export function toQOperator(model: Model, products: readonly QuantizedProduct[]): void {
  for (const product of products) {
    const reason = refusals[product.form];
    if (reason !== undefined) throw notExpressible(product, 'qoperator', reason);
  }
  inlineFunctions(model, ({ domain, name }) => domain === functionDomain && quantizedMatMulActivations.has(name));
}
