import { QuernError } from '../../../errors.js';
import { findQuantizedProducts, type QuantizedProduct } from '../../../models/quantized-products.js';
import { removeUnusedFunctions } from '../../../onnx/called-functions.js';
import type { Model } from '../../../onnx/model.js';
import { embeddingsToFloat } from './embeddings-to-float.js';
import type { Form } from './form.js';
import { toFloat } from './to-float.js';
import { requireNBits } from './to-nbits.js';
import { toQdq } from './to-qdq.js';
import { toQOperator } from './to-qoperator.js';

interface FormConversion {
  /** The first of these opsets of ONNX that has the operators. */
  readonly opset: number;
  readonly convert: (model: Model, products: readonly QuantizedProduct[]) => void;
}

const conversions: { readonly [Name in Form]: FormConversion } = {
  qoperator: { opset: 11, convert: toQOperator },
  nbits: { opset: 11, convert: (_model, products) => requireNBits(products) },
  qdq: { opset: 21, convert: toQdq },
  float: { opset: 11, convert: toFloat },
};

/**
 * Writes the quantized products of a model in another form. What each stands for does not change, but for `float`, which
 * leaves the activations as they are. Returns how many there are.
 * @throws QuernError (`stage`) naming the first product that the form can't express
 */
export function convertForm(model: Model, form: Form): number {
  const products = findQuantizedProducts(model.graph);
  if (products.length === 0) {
    throw new QuernError('stage', `nothing in the model is quantized, so that \`form: ${form}\` changes nothing`, {
      suggestion: 'leave `form` out, or export the result of a quantize stage',
    });
  }
  const { opset, convert } = conversions[form];
  const declared = model.opsets.get('') ?? 0;
  if (declared < opset) {
    throw new QuernError('stage', `\`form: ${form}\` has operators of opset ${opset}; the model declares ${declared}`);
  }
  convert(model, products);
  if (form === 'float') embeddingsToFloat(model.graph);
  model.graph.removeUnused();
  removeUnusedFunctions(model);
  return products.length;
}
