import { QuernError } from '../errors.js';
import { absmax } from './absmax.js';
import type { Matrix } from './matrix.js';

/**
 * Refuses a weight that holds NaN or an infinity: no scale could represent it.
 * @throws QuernError (`input`) that names the first such value
 */
export function requireFinite({ values, columns }: Matrix): void {
  if (Number.isFinite(absmax(values))) return;
  const index = values.findIndex((value) => !Number.isFinite(value));
  const place = `row ${Math.floor(index / columns)}, column ${index % columns}`;
  throw new QuernError('input', `the weight holds ${values[index]} at ${place} and can't be quantized`, {
    suggestion: 'Check the checkpoint, or keep this operator in float',
  });
}
