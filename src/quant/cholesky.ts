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
      const first = column + 1;
      const sum = values[rowStart + column]! - dot(values, rowStart + first, columnStart + first, size - first);
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

/** Sum of products of `count` values from two places, in four interleaved sums that don't wait for each other. */
function dot(values: Float64Array, first: number, second: number, count: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = count - (count % 4);
  for (let index = 0; index < whole; index += 4) {
    a += values[first + index]! * values[second + index]!;
    b += values[first + index + 1]! * values[second + index + 1]!;
    c += values[first + index + 2]! * values[second + index + 2]!;
    d += values[first + index + 3]! * values[second + index + 3]!;
  }
  for (let index = whole; index < count; index++) a += values[first + index]! * values[second + index]!;
  return a + b + (c + d);
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
