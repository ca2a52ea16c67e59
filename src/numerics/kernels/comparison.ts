import { kernelInstance } from './instance.js';
import { padded, piecesOf } from './panels.js';

/** Sums over two arrays of equal length, in float64. */
export interface Comparison {
  readonly squaredError: number;
  readonly squaredNorm: number;
  /** The largest absolute difference. */
  readonly largest: number;
}

/** Adds up comparisons of pieces. Every fourth value has sums of its own, which are added in pairs at the end. */
export class ComparisonSums {
  readonly #sums = new Float64Array(12);

  /** Bytes of kernel memory that `add` needs. */
  get sizeBytes(): number {
    return this.#sums.byteLength;
  }

  /** Adds values and others that lie in kernel memory, a multiple of four. */
  add(values: number, others: number, count: number, state: number): void {
    const kernels = kernelInstance();
    const sums = kernels.doubles(state, this.#sums.length);
    sums.set(this.#sums);
    kernels.functions.compare(values, others, count, state);
    this.#sums.set(sums);
  }

  result(): Comparison {
    const sums = this.#sums;
    const total = (from: number): number => sums[from]! + sums[from + 1]! + (sums[from + 2]! + sums[from + 3]!);
    return { squaredError: total(0), squaredNorm: total(4), largest: Math.max(...sums.subarray(8)) };
  }
}

/** Compares values with others. */
export function compareKernel(values: Float32Array, others: Float32Array): Comparison {
  const kernels = kernelInstance();
  const sums = new ComparisonSums();
  for (const { start, count } of piecesOf(values.length)) {
    const length = padded(count);
    const [first, second, state] = kernels.layout(length * 4, length * 4, sums.sizeBytes);
    for (const [address, source] of [
      [first, values],
      [second, others],
    ] as const) {
      const target = kernels.floats(address, length);
      target.set(source.subarray(start, start + count));
      target.fill(0, count);
    }
    sums.add(first, second, length, state);
  }
  return sums.result();
}
