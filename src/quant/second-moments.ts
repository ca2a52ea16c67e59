import { type Matrix, matrix } from './matrix.js';

/**
 * Sums over each column of left * (moments right), for each of some equal blocks that stand below each other:
 * moments [blocks * M, K], left [blocks * M, N], right [blocks * K, N] give float32 [blocks, N].
 */
export type WeightedProducts = (moments: Matrix, left: Matrix, right: Matrix, blocks: number) => Float32Array;

/** Rows of a block: as many as keep a product efficient. */
const blockRows = 192;

/** Some rows of the second moments G, from their diagonal on. What is right of the block on the diagonal is doubled. */
interface FoldedBlock {
  readonly first: number;
  readonly moments: Matrix;
}

/** Second moments [K, K] as blocks of rows without what is left of the diagonal, which their symmetry makes superfluous. */
export type FoldedMoments = readonly FoldedBlock[];

export function foldMoments({ values, rows }: Matrix): FoldedMoments {
  return Array.from({ length: Math.ceil(rows / blockRows) }, (_, block) => {
    const first = block * blockRows;
    const end = Math.min(first + blockRows, rows);
    const width = rows - first;
    const folded = new Float32Array((end - first) * width);
    for (let row = first; row < end; row++) {
      const target = folded.subarray((row - first) * width, (row - first + 1) * width);
      target.set(values.subarray(row * rows + first, (row + 1) * rows));
      for (let column = end - first; column < width; column++) target[column]! *= 2;
    }
    return { first, moments: matrix(folded, end - first, width) };
  });
}

/** The sums over each column of D * (G D), the squared error of each output feature: float64 [N]. */
export function outputErrors(folded: FoldedMoments, error: Matrix, products: WeightedProducts): Float64Array {
  const sums = new Float64Array(error.columns);
  for (const { first, moments } of folded) {
    const end = first + moments.rows;
    const part = products(moments, rowsOf(error, first, end), rowsOf(error, first, error.rows), 1);
    for (let column = 0; column < sums.length; column++) sums[column]! += part[column]!;
  }
  return sums;
}

/** The squared Frobenius norm of X D for a D that X's second moments G are given of: the sum of D * (G D). */
export function squaredOutput(folded: FoldedMoments, error: Matrix, products: WeightedProducts): number {
  return outputErrors(folded, error, products).reduce((sum, square) => sum + square, 0);
}

/** The blocks of `size` on the diagonal of second moments below each other, and that of the rows which fill no block. */
export interface DiagonalMoments {
  readonly size: number;
  readonly whole: Matrix;
  readonly rest: Matrix;
}

/** With scales: the second moments of inputs that are divided by them. */
export function diagonalMoments({ values, rows }: Matrix, size: number, scales?: Float32Array): DiagonalMoments {
  const wholeRows = rows - (rows % size);
  const whole = new Float32Array(wholeRows * size);
  const rest = new Float32Array((rows - wholeRows) ** 2);
  for (let row = 0; row < rows; row++) {
    const first = row < wholeRows ? row - (row % size) : wholeRows;
    const width = row < wholeRows ? size : rows - wholeRows;
    const block = row < wholeRows ? whole : rest;
    const start = row < wholeRows ? row * size : (row - wholeRows) * width;
    for (let column = 0; column < width; column++) {
      const divisor = scales === undefined ? 1 : scales[row]! * scales[first + column]!;
      block[start + column] = values[row * rows + first + column]! / divisor;
    }
  }
  return { size, whole: matrix(whole, wholeRows, size), rest: matrix(rest, rows - wholeRows, rows - wholeRows) };
}

/** As `outputErrors`, of each group of rows for itself: float32 [groups, N]. */
export function groupOutputErrors(
  { size, whole, rest }: DiagonalMoments,
  error: Matrix,
  products: WeightedProducts,
): Float32Array {
  const blocks = whole.rows / size;
  const errors = new Float32Array((blocks + Math.sign(rest.rows)) * error.columns);
  if (blocks > 0) {
    const part = rowsOf(error, 0, whole.rows);
    errors.set(products(whole, part, part, blocks));
  }
  if (rest.rows > 0) {
    const part = rowsOf(error, whole.rows, error.rows);
    errors.set(products(rest, part, part, 1), blocks * error.columns);
  }
  return errors;
}

function rowsOf({ values, columns }: Matrix, first: number, end: number): Matrix {
  return matrix(values.subarray(first * columns, end * columns), end - first, columns);
}
