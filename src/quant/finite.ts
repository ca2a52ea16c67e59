import { QuernError } from '../errors.js';
import { absmax } from './absmax.js';
import type { Matrix } from './matrix.js';

/**
 * Refuses a weight that holds NaN or an infinity: no scale could represent it.
 * @param largest the largest magnitude of its values, if it is known already
 * @throws QuernError (`input`) that names the first such value
 */
export function requireFinite({ values, columns }: Matrix, largest = absmax(values)): void {
  if (Number.isFinite(largest)) return;
  const index = values.findIndex((value) => !Number.isFinite(value));
  const place = `row ${Math.floor(index / columns)}, column ${index % columns}`;
  throw new QuernError('input', `the weight holds ${values[index]} at ${place} and can't be quantized`, {
    suggestion: 'Check the checkpoint, or keep this operator in float',
  });
}
