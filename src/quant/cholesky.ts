/** left right^T in float64, of row-major matrices: left [rows, inner], right [columns, inner]. */
export type TransposedProduct = (
  left: Float64Array,
  right: Float64Array,
  sizes: { readonly rows: number; readonly columns: number; readonly inner: number },
) => Float64Array;

/** Columns that are found together: enough to leave nearly all the work to matrix products. */
const blockColumns = 192;

/**
 * The lower triangular L with L L^T = H, of a symmetric positive definite H, in float64 (Golub and Van Loan, Matrix
 * Computations, 4.2: block columns from the left, each less the product of what is left of it).
 * @param values H, row-major [size, size], of which only the lower triangle is read; overwritten by L, also above the diagonal
 * @returns whether H is positive definite
 */
export function cholesky(values: Float64Array, size: number, product: TransposedProduct): boolean {
  for (let first = 0; first < size; first += blockColumns) {
    const end = Math.min(first + blockColumns, size);
    if (first > 0) subtractLeft(values, size, first, end, product);
    const inverse = factorDiagonal(values, size, first, end);
    if (inverse === undefined) return false;
    if (end < size) solveBelow(values, size, first, end, inverse, product);
    for (let row = first; row < end; row++) values.fill(0, row * size + row + 1, (row + 1) * size);
  }
  return true;
}

/** Subtracts from columns `first` to `end`, on and below the diagonal block, the product of what is left of them. */
function subtractLeft(
  values: Float64Array,
  size: number,
  first: number,
  end: number,
  product: TransposedProduct,
): void {
  const left = partOf(values, size, { first, end: size }, { first: 0, end: first });
  const [rows, columns] = [size - first, end - first];
  const change = product(left, left.subarray(0, columns * first), { rows, columns, inner: first });
  for (let row = 0, index = 0; row < rows; row++) {
    const start = (first + row) * size + first;
    for (let column = 0; column < columns; column++, index++) values[start + column]! -= change[index]!;
  }
}

/** Factors the block on the diagonal in place. Returns the inverse of the factor, or nothing if there is no factor. */
function factorDiagonal(values: Float64Array, size: number, first: number, end: number): Float64Array | undefined {
  for (let row = first; row < end; row++) {
    for (let column = first; column <= row; column++) {
      let sum = values[row * size + column]!;
      for (let inner = first; inner < column; inner++) {
        sum -= values[row * size + inner]! * values[column * size + inner]!;
      }
      if (column < row) {
        values[row * size + column] = sum / values[column * size + column]!;
      } else {
        if (!(sum > 0 && Number.isFinite(sum))) return undefined;
        values[row * size + row] = Math.sqrt(sum);
      }
    }
  }
  return invertLower(partOf(values, size, { first, end }, { first, end }), end - first);
}

/** The inverse of a lower triangular matrix, whose upper triangle is not read. */
function invertLower(values: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    const target = inverse.subarray(row * size, row * size + row + 1);
    target[row] = 1;
    for (let inner = 0; inner < row; inner++) {
      const factor = values[row * size + inner]!;
      for (let column = 0; column <= inner; column++) target[column]! -= factor * inverse[inner * size + column]!;
    }
    const diagonal = values[row * size + row]!;
    for (let column = 0; column <= row; column++) target[column]! /= diagonal;
  }
  return inverse;
}

/** Multiplies the rows below a diagonal block with the transposed inverse of its factor. */
function solveBelow(
  values: Float64Array,
  size: number,
  first: number,
  end: number,
  inverse: Float64Array,
  product: TransposedProduct,
): void {
  const below = partOf(values, size, { first: end, end: size }, { first, end });
  const columns = end - first;
  const solved = product(below, inverse, { rows: size - end, columns, inner: columns });
  for (let row = end, index = 0; row < size; row++, index += columns) {
    values.set(solved.subarray(index, index + columns), row * size + first);
  }
}

interface Range {
  readonly first: number;
  readonly end: number;
}

function partOf(values: Float64Array, size: number, rows: Range, columns: Range): Float64Array {
  const width = columns.end - columns.first;
  const part = new Float64Array((rows.end - rows.first) * width);
  for (let row = rows.first, index = 0; row < rows.end; row++, index += width) {
    part.set(values.subarray(row * size + columns.first, row * size + columns.end), index);
  }
  return part;
}
