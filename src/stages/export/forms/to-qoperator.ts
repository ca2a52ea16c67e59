import { functionDomain } from '../../../models/functions.js';
import { quantizedMatMulActivations } from '../../../models/quantized-matmul.js';
import { inlineFunctions } from '../../../onnx/inline-functions.js';
import type { Model } from '../../../onnx/model.js';
import { notExpressible } from './form.js';
import type { QuantizedProduct } from './quantized-products.js';

/** Products of quern's functions become the operators that these consist of, MatMulInteger among them, with the same results. */
export function toQOperator(model: Model, products: readonly QuantizedProduct[]): void {
  const other = products.find(({ form }) => form === 'nbits');
  if (other !== undefined) {
    throw notExpressible(other, 'qoperator', 'its activations are not quantized, and those of MatMulInteger are');
  }
  inlineFunctions(model, ({ domain, name }) => domain === functionDomain && quantizedMatMulActivations.has(name));
}
