import { giveScratch, takeScratch } from '../numerics/scratch.js';
import { transposeColumns } from '../numerics/transpose.js';
import type { CheckpointTensor } from './checkpoint.js';
import { elementCount } from './checkpoint.js';
import { checkFinite, readTensorFloat32Into } from './tensor-data.js';

const chunkElements = 2 ** 20;
/** Fewer columns of a tall matrix at a time would be read in pieces that are too short. */
const leastColumns = 64;

/**
 * The elements of a tensor as float32, in row-major order and in pieces, each gone when the next is asked for. Elements
 * that are not finite, and whatever `readTensorFloat32` refuses, are a QuernError.
 */
export function* float32Chunks(tensor: CheckpointTensor, offset = 0): Generator<Float32Array> {
  const values = takeScratch(countOf(tensor));
  try {
    readTensorFloat32Into(tensor, values);
    checkFinite(tensor, values);
    if (offset !== 0) for (let index = 0; index < values.length; index++) values[index] = values[index]! + offset;
    for (let done = 0; done < values.length; done += chunkElements) yield values.subarray(done, done + chunkElements);
  } finally {
    giveScratch(values);
  }
}

/** Some rows of a matrix: `count` of them from `first` on. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

/** The transpose of some rows of a matrix [rows, columns] as `float32Chunks`: [columns, count]. */
export function* transposedChunks(tensor: CheckpointTensor, rows: RowRange): Generator<Float32Array> {
  const columns = tensor.dims[1] ?? 0;
  const values = takeScratch(countOf(tensor));
  const fitting = Math.floor(chunkElements / Math.max(1, rows.count));
  const columnsInChunk = Math.max(1, Math.min(columns, Math.max(leastColumns, fitting)));
  const chunk = takeScratch(columnsInChunk * rows.count);
  try {
    readTensorFloat32Into(tensor, values);
    checkFinite(tensor, values);
    const source = values.subarray(rows.first * columns, (rows.first + rows.count) * columns);
    for (let column = 0; column < columns; column += columnsInChunk) {
      const target = chunk.subarray(0, Math.min(columnsInChunk, columns - column) * rows.count);
      transposeColumns(source, columns, column, target);
      yield target;
    }
  } finally {
    giveScratch(values);
    giveScratch(chunk);
  }
}

function countOf({ dims, name }: CheckpointTensor): number {
  const count = elementCount(dims);
  if (count === undefined) throw new Error(`tensor ${name} has no number of elements`);
  return count;
}
