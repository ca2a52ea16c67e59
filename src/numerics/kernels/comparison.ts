import { type KernelFunctions, kernelInstance } from './instance.js';
import { padded, piecesOf } from './panels.js';

/** Sums over two arrays of equal length, in float64. */
export interface Comparison {
  readonly squaredError: number;
  readonly squaredNorm: number;
  /** The largest absolute difference; NaN if one is NaN. */
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
    this.update(state, ({ compare }) => compare(values, others, count, state));
  }

  /** Lets kernels add to the sums, in kernel memory. */
  update(state: number, add: (functions: KernelFunctions) => void): void {
    const kernels = kernelInstance();
    const sums = kernels.doubles(state, this.#sums.length);
    sums.set(this.#sums);
    add(kernels.functions);
    this.#sums.set(sums);
  }

  result(): Comparison {
    const sums = this.#sums;
    const total = (from: number): number => sums[from]! + sums[from + 1]! + (sums[from + 2]! + sums[from + 3]!);
    const squaredError = total(0);
    const largest = Number.isNaN(squaredError) ? Number.NaN : Math.max(...sums.subarray(8));
    return { squaredError, squaredNorm: total(4), largest };
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
