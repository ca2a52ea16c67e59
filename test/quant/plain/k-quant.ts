import { roundHalfToEven } from '../../../src/numerics/rounding.js';
import { requireFinite } from '../../../src/quant/finite.js';
import type { KQuantOptions } from '../../../src/quant/k-quant.js';
import type { Matrix } from '../../../src/quant/matrix.js';
import type { NBitsWeight } from '../../../src/quant/nbits-weight.js';
import { nbitsBlockCount, nbitsColumnBytes } from '../../../src/quant/nbits-weight.js';
import { groupColumnsOf, packZeroPoints } from '../../../src/quant/nbits-zero-points.js';
import { pairwiseSum } from './pairwise-sum.js';

const { fround } = Math;
/** Steps of the search, and by how much the number of levels grows with each. */
const searchSteps = 20;
const levelStep = 0.1;

/** Quantizes a weight as ONNX Runtime's k_quant does, value by value. */
export function quantizeKQuant(weight: Matrix, { bits, block }: KQuantOptions): NBitsWeight {
  requireFinite(weight);
  const { values, rows, columns } = weight;
  const blocks = nbitsBlockCount(rows, block);
  const columnBytes = nbitsColumnBytes(rows, block, bits);
  const perByte = 8 / bits;
  const scales = new Float32Array(blocks * columns);
  const zeroPoints = new Float32Array(blocks * columns);
  const codes = new Uint8Array(columns * columnBytes);
  const search = new BlockSearch(block, 2 ** bits - 1);
  const data = new Float32Array(block);
  for (let index = 0; index < blocks; index++) {
    const first = index * block;
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < block; row++)
        data[row] = first + row < rows ? values[(first + row) * columns + column]! : 0;
      const { scale, zeroPoint } = search.find(data);
      scales[index * columns + column] = scale;
      zeroPoints[index * columns + column] = zeroPoint;
      for (let row = 0; row < block; row++) {
        const code = clamp(roundHalfToEven(data[row]! / scale + zeroPoint), 2 ** bits - 1);
        const byte = column * columnBytes + Math.floor((first + row) / perByte);
        codes[byte] = codes[byte]! | (code << ((row % perByte) * bits));
      }
    }
  }
  return {
    rows,
    columns,
    bits,
    block,
    codes,
    scales: groupColumnsOf(scales, columns),
    zeroPoints: packZeroPoints(zeroPoints, columns, bits),
  };
}

/** Finds scale and zero point of blocks of one size. Every value it keeps is a float32. */
class BlockSearch {
  readonly #largestCode: number;
  readonly #weights: Float32Array;
  readonly #codes: Float32Array;
  readonly #weighted: Float32Array;
  readonly #terms: Float32Array;

  constructor(block: number, largestCode: number) {
    this.#largestCode = largestCode;
    this.#weights = new Float32Array(block);
    this.#codes = new Float32Array(block);
    this.#weighted = new Float32Array(block);
    this.#terms = new Float32Array(block);
  }

  find(data: Float32Array): { readonly scale: number; readonly zeroPoint: number } {
    const size = data.length;
    const meanSquare = fround(this.#sum((index) => data[index]! * data[index]!) / size);
    const root = fround(Math.sqrt(meanSquare));
    for (let index = 0; index < size; index++) this.#weights[index] = root + Math.abs(data[index]!);
    const minimum = data.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
    const maximum = data.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const sumOfWeights = pairwiseSum(this.#weights);
    const sumOfValues = this.#sum((index) => this.#weights[index]! * data[index]!);
    // The original starts each step from the minimum of the best fit so far.
    const inverseScale = (levels: number, from: number): number =>
      from === maximum ? 1 : fround(fround(levels) / fround(maximum - from));
    const first = inverseScale(this.#largestCode, minimum);
    let best = { scale: fround(1 / first), minimum };
    this.#encode(data, first, minimum);
    let leastError = this.#error(data, best.scale, minimum);
    for (let step = 0; step < searchSteps; step++) {
      const levels = -1 + levelStep * step + this.#largestCode;
      this.#encode(data, inverseScale(levels, best.minimum), best.minimum);
      const fit = this.#fit(data, sumOfWeights, sumOfValues);
      const error = this.#error(data, fit.scale, fit.minimum);
      if (!(error < leastError)) continue;
      leastError = error;
      best = fit;
    }
    const zeroPoint = clamp(roundHalfToEven(fround(-best.minimum / best.scale)), this.#largestCode);
    return { scale: best.scale, zeroPoint };
  }

  #encode(data: Float32Array, inverseScale: number, minimum: number): void {
    for (let index = 0; index < data.length; index++) {
      const code = roundHalfToEven(fround(inverseScale * fround(data[index]! - minimum)));
      this.#codes[index] = clamp(code, this.#largestCode);
    }
  }

  /** Weighted least squares of value = scale * code + minimum. */
  #fit(
    data: Float32Array,
    sumOfWeights: number,
    sumOfValues: number,
  ): { readonly scale: number; readonly minimum: number } {
    for (let index = 0; index < data.length; index++)
      this.#weighted[index] = this.#weights[index]! * this.#codes[index]!;
    const sumOfCodes = pairwiseSum(this.#weighted);
    const sumOfSquares = this.#sum((index) => this.#weighted[index]! * this.#codes[index]!);
    const sumOfProducts = this.#sum((index) => this.#weighted[index]! * data[index]!);
    const determinant = difference(sumOfWeights, sumOfSquares, sumOfCodes, sumOfCodes);
    return {
      scale: fround(difference(sumOfWeights, sumOfProducts, sumOfValues, sumOfCodes) / determinant),
      minimum: fround(difference(sumOfSquares, sumOfValues, sumOfCodes, sumOfProducts) / determinant),
    };
  }

  #error(data: Float32Array, scale: number, minimum: number): number {
    return this.#sum((index) => {
      const distance = fround(fround(fround(scale * this.#codes[index]!) + minimum) - data[index]!);
      return this.#weights[index]! * fround(distance * distance);
    });
  }

  #sum(term: (index: number) => number): number {
    for (let index = 0; index < this.#terms.length; index++) this.#terms[index] = term(index);
    return pairwiseSum(this.#terms);
  }
}

/** a b - c d, each step in float32. */
function difference(a: number, b: number, c: number, d: number): number {
  return fround(fround(a * b) - fround(c * d));
}

function clamp(code: number, largest: number): number {
  return Math.min(Math.max(code, 0), largest);
}
