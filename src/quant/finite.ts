import { QuernError } from '../errors.js';
import { absmax } from './absmax.js';
import type { Matrix } from './matrix.js';

/**
 * Refuses a weight that holds NaN or an infinity: no scale could represent it.
 * @param measure the largest magnitude of its values or the sum of their squares, if one is known already: finite if all are
 * @throws QuernError (`input`) that names the first such value
 */
export function requireFinite({ values, columns }: Matrix, measure = absmax(values)): void {
  if (Number.isFinite(measure)) return;
  const index = values.findIndex((value) => !Number.isFinite(value));
  const place = `row ${Math.floor(index / columns)}, column ${index % columns}`;
  throw new QuernError('input', `the weight holds ${values[index]} at ${place} and can't be quantized`, {
    suggestion: 'Check the checkpoint, or keep this operator in float',
  });
}
