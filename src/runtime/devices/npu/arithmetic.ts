import { QuernError } from '../../../errors.js';
import { roundHalfToEven } from '../../../numerics/rounding.js';
import type { GemmShape } from '../device.js';

/**
 * The w8a8 arithmetic of AMD's QLinear in plain TypeScript: the definition that faster implementations are tested against.
 * Activations are quantized with one scale for the whole matrix, products are summed exactly in int32, and the result is
 * scaled in float32.
 */

/** Quantized activations: value = q * scale. */
export interface QuantizedActivations {
  readonly values: Int8Array;
  readonly scale: number;
}

/** Depth up to which a sum of int8 products can't overflow int32. */
export const largestExactDepth = 131_071;

/**
 * scale = max|x| / 128 and q = clamp(round(x / scale), -128, 127), ties to even, all in float32. The largest magnitude itself
 * saturates when it is positive. Where the scale would be zero (all zeros, or too small to divide by 128) every q is 0 and
 * the scale 1, so that the product is zero instead of NaN.
 */
export function quantizeActivations(activations: Float32Array): QuantizedActivations {
  const values = new Int8Array(activations.length);
  const scale = Math.fround(largestMagnitude(activations) / 128);
  if (scale === 0) return { values, scale: 1 };
  for (const [index, value] of activations.entries()) {
    const rounded = roundHalfToEven(Math.fround(value / scale));
    values[index] = Math.min(127, Math.max(-128, rounded));
  }
  return { values, scale };
}

function largestMagnitude(activations: Float32Array): number {
  let largest = 0;
  for (const [index, value] of activations.entries()) {
    if (!Number.isFinite(value)) {
      throw new QuernError('stage', `activation ${index} is ${value}: only finite values can be quantized`);
    }
    largest = Math.max(largest, Math.abs(value));
  }
  return largest;
}

/** Exact product of row-major int8 matrices a (m x k) and b (k x n). */
export function gemmInt8(a: Int8Array, b: Int8Array, shape: GemmShape): Int32Array {
  requireSizes(a, b, shape);
  const { m, k, n } = shape;
  if (k > largestExactDepth) throw new Error(`k is ${k}: sums of int8 products can overflow int32`);
  const product = new Int32Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let depth = 0; depth < k; depth++) {
      const left = a[row * k + depth]!;
      for (let column = 0; column < n; column++) {
        product[row * n + column]! += left * b[depth * n + column]!;
      }
    }
  }
  return product;
}

/**
 * The same product as a device with kernels of one shape computes it: tiles padded with zeros, and the outputs of tiles along
 * k added in int32. Equal to `gemmInt8` for any tile.
 */
export function gemmInt8Tiled(a: Int8Array, b: Int8Array, shape: GemmShape, tile: GemmShape): Int32Array {
  requireSizes(a, b, shape);
  const product = new Int32Array(shape.m * shape.n);
  for (let row = 0; row < shape.m; row += tile.m) {
    for (let column = 0; column < shape.n; column += tile.n) {
      for (let depth = 0; depth < shape.k; depth += tile.k) {
        const left = cut(a, { rows: shape.m, columns: shape.k }, { row, column: depth, rows: tile.m, columns: tile.k });
        const right = cut(
          b,
          { rows: shape.k, columns: shape.n },
          { row: depth, column, rows: tile.k, columns: tile.n },
        );
        const output = gemmInt8(left, right, tile);
        accumulate(product, shape, output, { row, column, rows: tile.m, columns: tile.n });
      }
    }
  }
  return product;
}

function requireSizes(a: Int8Array, b: Int8Array, { m, k, n }: GemmShape): void {
  if (a.length !== m * k || b.length !== k * n) throw new Error('matrix sizes do not match the shape');
}

interface MatrixSize {
  readonly rows: number;
  readonly columns: number;
}

interface Window extends MatrixSize {
  readonly row: number;
  readonly column: number;
}

/** A window of a matrix, with zeros where it reaches beyond it. */
function cut(matrix: Int8Array, size: MatrixSize, window: Window): Int8Array {
  const part = new Int8Array(window.rows * window.columns);
  const end = Math.min(window.column + window.columns, size.columns);
  for (let row = 0; row < window.rows && window.row + row < size.rows; row++) {
    const start = (window.row + row) * size.columns;
    part.set(matrix.subarray(start + window.column, start + end), row * window.columns);
  }
  return part;
}

function accumulate(product: Int32Array, { m, n }: GemmShape, output: Int32Array, window: Window): void {
  const rows = Math.min(window.rows, m - window.row);
  const columns = Math.min(window.columns, n - window.column);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      product[(window.row + row) * n + window.column + column]! += output[row * window.columns + column]!;
    }
  }
}

/** y = float32(c) * float32(activation scale * weight scale), both products rounded to float32. A bias is added to y afterwards. */
export function dequantize(accumulators: Int32Array, activationScale: number, weightScale: number): Float32Array {
  const scale = Math.fround(activationScale * weightScale);
  return Float32Array.from(accumulators, (value) => Math.fround(value) * scale);
}
