import { QuernError } from '../../../errors.js';
import type { QuantizedProduct } from '../../../models/quantized-products.js';

/** Which operators stand for the quantized products of an exported model. */
export type Form = 'qoperator' | 'nbits' | 'qdq' | 'float';

/** The refusal of a form that can't express a product. */
export function notExpressible({ name, node }: QuantizedProduct, form: Form, reason: string): QuernError {
  return new QuernError('stage', `${name} (${node.opType}) can't be written as ${form}: ${reason}`);
}
