import type { KernelInstance } from './instance.js';
import { kernelInstance } from './instance.js';
import { padded } from './panels.js';

/** Types of elements that kernels make float32 of. */
export type FloatType = 'float32' | 'float16' | 'bfloat16';

const codes = { float32: 0, float16: 1, bfloat16: 2 } as const;

export const floatTypeBytes = { float32: 4, float16: 2, bfloat16: 2 } as const;

/** Some rows of a matrix, whose elements `read` puts into memory of the kernels, in row-major order and without using one. */
export interface FloatRows {
  readonly type: FloatType;
  readonly rows: number;
  readonly columns: number;
  read(target: Uint8Array): void;
}

/** Gets what became of elements. They are in the memory of the kernels, so that nothing is copied: the next kernel takes it. */
export type TakeFloats = (values: Float32Array, firstColumn: number) => void;

/** What a tile may hold to stay in the second-level cache. */
const tileValues = 2 ** 18;
/** A line of the cache of 16-bit elements: fewer columns would read each line of the matrix more than once. */
const leastTileColumns = 32;

/** Gives `take` all rows as float32 at once. Returns whether all elements are finite. */
export function widenRows({ type, rows, columns, read }: FloatRows, take: (values: Float32Array) => void): boolean {
  const count = rows * columns;
  const kernels = kernelInstance();
  const [source, widened] = kernels.layout(padded(count) * floatTypeBytes[type], padded(count) * 4);
  fill(kernels, source, count * floatTypeBytes[type], padded(count) * floatTypeBytes[type], read);
  const { fromFloat16, fromBfloat16, absmax } = kernels.functions;
  if (type === 'float16') fromFloat16(source, padded(count), widened);
  if (type === 'bfloat16') fromBfloat16(source, padded(count), widened);
  const result = type === 'float32' ? source : widened;
  const allFinite = Number.isFinite(absmax(result, padded(count)));
  take(kernels.floats(result, count));
  return allFinite;
}

/**
 * Gives `take` the transpose of the rows as float32, [columns, rows], some columns at a time. Returns whether all elements
 * are finite.
 */
export function transposeRows({ type, rows, columns, read }: FloatRows, take: TakeFloats): boolean {
  const kernels = kernelInstance();
  const height = padded(rows);
  const fitting = Math.floor(tileValues / height / leastTileColumns) * leastTileColumns;
  const tileColumns = Math.min(padded(columns), Math.max(leastTileColumns, fitting));
  const rowBytes = columns * floatTypeBytes[type];
  // A tile goes on behind the last row and, in it, behind the last column.
  const sourceBytes = height * rowBytes + padded(columns) * floatTypeBytes[type];
  const [source, tile] = kernels.layout(sourceBytes, tileColumns * height * 4);
  fill(kernels, source, rows * rowBytes, sourceBytes, read);
  let allFinite = true;
  for (let column = 0; column < columns; column += tileColumns) {
    const count = Math.min(tileColumns, columns - column);
    const from = source + column * floatTypeBytes[type];
    if (!kernels.functions.transposeTile(from, rowBytes, codes[type], height, padded(count), tile)) allFinite = false;
    const values = kernels.floats(tile, count * height);
    if (height !== rows) closeUp(values, count, height, rows);
    take(values.subarray(0, count * rows), column);
  }
  return allFinite;
}

function fill(
  kernels: KernelInstance,
  address: number,
  sizeBytes: number,
  spaceBytes: number,
  read: FloatRows['read'],
): void {
  read(kernels.bytes(address, sizeBytes));
  kernels.bytes(address + sizeBytes, spaceBytes - sizeBytes).fill(0);
}

/** Moves rows of `length` values that lie `stride` apart to where the one before ends. */
function closeUp(values: Float32Array, rows: number, stride: number, length: number): void {
  for (let row = 1; row < rows; row++) values.copyWithin(row * length, row * stride, row * stride + length);
}
