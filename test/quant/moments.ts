import type { TransposedProduct } from '../../src/quant/cholesky.js';
import { type Matrix, matrix } from '../../src/quant/matrix.js';

/** left right, with sums in float64. */
export function product(left: Matrix, right: Matrix): Matrix {
  const values = new Float32Array(left.rows * right.columns);
  for (let row = 0; row < left.rows; row++) {
    for (let column = 0; column < right.columns; column++) {
      let sum = 0;
      for (let index = 0; index < left.columns; index++) {
        sum += left.values[row * left.columns + index]! * right.values[index * right.columns + column]!;
      }
      values[row * right.columns + column] = sum;
    }
  }
  return matrix(values, left.rows, right.columns);
}

export function transpose({ values, rows, columns }: Matrix): Matrix {
  const result = values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]!);
  return matrix(result, columns, rows);
}

/** See `TransposedProduct`. */
export const transposedProduct: TransposedProduct = (left, right, { rows, columns, inner }) => {
  const values = new Float64Array(rows * columns);
  for (let row = 0, place = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, place++) {
      for (let index = 0; index < inner; index++) {
        values[place]! += left[row * inner + index]! * right[column * inner + index]!;
      }
    }
  }
  return values;
};

/** See `WeightedProducts`. */
export function weightedProducts(moments: Matrix, left: Matrix, right: Matrix, blocks: number): Float32Array {
  const part = ({ values, rows, columns }: Matrix, block: number): Matrix => {
    const size = values.length / blocks;
    return matrix(values.subarray(block * size, (block + 1) * size), rows / blocks, columns);
  };
  const sums = new Float32Array(blocks * left.columns);
  for (let block = 0; block < blocks; block++) {
    const moved = product(part(moments, block), part(right, block)).values;
    for (const [index, value] of part(left, block).values.entries())
      sums[block * left.columns + (index % left.columns)]! += value * moved[index]!;
  }
  return sums;
}

/** The sum of the squares of X D. */
export function outputError(inputs: Matrix, error: Matrix): number {
  return product(inputs, error).values.reduce((sum, value) => sum + value * value, 0);
}

/** The same numbers from -1 to 1 for the same seed. */
export function randomMatrix(
  rows: number,
  columns: number,
  seed: number,
  scale: (column: number) => number = () => 1,
): Matrix {
  let state = seed;
  const values = Float32Array.from({ length: rows * columns }, (_, index) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale(index % columns);
  });
  return matrix(values, rows, columns);
}
