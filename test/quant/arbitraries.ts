import * as fc from 'fast-check';
import { type Matrix, matrix } from '../../src/quant/matrix.js';

export const granularities = fc.constantFrom('tensor' as const, 'channel' as const);

/** Matrices of up to 70 x 6 normal float32 values, some zero, over a few orders of magnitude. */
export function matrices(): fc.Arbitrary<Matrix> {
  const value = fc.oneof(
    { weight: 1, arbitrary: fc.constant(0) },
    { weight: 6, arbitrary: fc.float({ min: -4, max: 4, noNaN: true }).map(withoutDust) },
    { weight: 1, arbitrary: fc.float({ min: -1024, max: 1024, noNaN: true }).map(withoutDust) },
  );
  return fc
    .tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 6 }))
    .chain(([rows, columns]) =>
      fc
        .array(value, { minLength: rows * columns, maxLength: rows * columns })
        .map((values) => matrix(Float32Array.from(values), rows, columns)),
    );
}

/** The columns of a matrix in another order: column n of the result is column `order[n]` of the original. */
export function permuteColumns(
  { values, rows, columns }: Matrix,
  seed: number,
): { permuted: Matrix; order: readonly number[] } {
  const order = Array.from({ length: columns }, (_, column) => (column + seed) % columns);
  if (seed % 2 === 1) order.reverse();
  const permuted = values.map((_, index) => values[index - (index % columns) + order[index % columns]!]!);
  return { permuted: matrix(permuted, rows, columns), order };
}

/** fast-check likes subnormal numbers, whose rounding errors no bound relative to a scale covers. */
function withoutDust(value: number): number {
  return Math.abs(value) < 2 ** -20 ? 0 : value;
}
