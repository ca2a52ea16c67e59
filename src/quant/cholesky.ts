/**
 * The upper triangular U with U^T U = H^-1, of a symmetric positive definite H, in float64: H = M M^T with an upper
 * triangular M, found from the last column on, and U = M^-1.
 * @param values H, row-major [size, size]; overwritten
 * @returns U in the same memory, zeros below the diagonal; `undefined` if H is not positive definite
 */
export function inverseCholesky(values: Float64Array, size: number): Float64Array | undefined {
  return factorFromEnd(values, size) ? invertUpper(values, size) : undefined;
}

/** Replaces H by M with M M^T = H. Works on rows: M[i, j] = (H[i, j] - sum over k > j of M[i, k] M[j, k]) / M[j, j]. */
function factorFromEnd(values: Float64Array, size: number): boolean {
  for (let row = size - 1; row >= 0; row--) {
    const rowStart = row * size;
    for (let column = size - 1; column >= row; column--) {
      const columnStart = column * size;
      let sum = values[rowStart + column]!;
      for (let index = column + 1; index < size; index++)
        sum -= values[rowStart + index]! * values[columnStart + index]!;
      if (column > row) {
        values[rowStart + column] = sum / values[columnStart + column]!;
      } else {
        if (!(sum > 0 && Number.isFinite(sum))) return false;
        values[rowStart + column] = Math.sqrt(sum);
      }
    }
    values.fill(0, rowStart, rowStart + row);
  }
  return true;
}

/** Replaces an upper triangular matrix by its inverse, from the last row on. */
function invertUpper(values: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size);
  for (let row = size - 1; row >= 0; row--) {
    const rowStart = row * size;
    const diagonal = 1 / values[rowStart + row]!;
    inverse.fill(0, row);
    for (let index = row + 1; index < size; index++) {
      const factor = values[rowStart + index]!;
      const start = index * size;
      for (let column = index; column < size; column++) inverse[column]! -= factor * values[start + column]!;
    }
    values[rowStart + row] = diagonal;
    for (let column = row + 1; column < size; column++) values[rowStart + column] = inverse[column]! * diagonal;
  }
  return values;
}
