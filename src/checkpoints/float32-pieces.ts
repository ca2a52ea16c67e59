import { transposeRows, widenRows } from '../numerics/kernels/float-rows.js';
import type { CheckpointTensor } from './checkpoint.js';
import { elementCount } from './checkpoint.js';
import type { ElementReader } from './tensor-data.js';
import { checkFinite, readTensorFloat32, withElementReader } from './tensor-data.js';

/** Some rows of a matrix, or elements of a tensor: `count` of them from `first` on. */
export interface Range {
  readonly first: number;
  readonly count: number;
}

/** What a tensor of a checkpoint becomes as float32, in plain data. */
export type Conversion =
  /** Its elements in row-major order, with `offset` added to each. */
  | { readonly form: 'plain'; readonly tensor: CheckpointTensor; readonly offset: number }
  /** The transpose of some rows of a matrix [rows, columns]: [columns, count]. */
  | { readonly form: 'transposed'; readonly tensor: CheckpointTensor; readonly rows: Range };

/**
 * Gets a run of elements of the result and the place of the first one. They are gone when it returns, and must not be
 * given to a kernel.
 */
export type TakePiece = (values: Float32Array, place: number) => void;

/** Elements of a part: what may be in memory of a matrix that is turned. Longer runs are written faster. */
const partElements = 2 ** 24;
/** Elements of a tensor that is not turned and that fit into the second-level cache; a whole number of blocks of any type. */
const runElements = 2 ** 17;

/** Cuts a conversion into parts that can be done apart: ranges of rows, or of the elements of a plain one. */
export function partsOf(conversion: Conversion): readonly Range[] {
  const { tensor } = conversion;
  const all = conversion.form === 'plain' ? { first: 0, count: countOf(tensor) } : conversion.rows;
  // A view is read at once, whatever is asked of it.
  const parts = tensor.view === undefined ? partLength(conversion) : all.count;
  return rangesOf(all, parts);
}

/**
 * Does a part of a conversion. Elements that are not finite, and whatever `readTensorFloat32` refuses, are a QuernError;
 * what was given to `take` is of no use then.
 */
export function convertPart(conversion: Conversion, part: Range, take: TakePiece): void {
  const allFinite = withElementReader(conversion.tensor, (reader) =>
    conversion.form === 'plain'
      ? widenPart(reader, conversion.offset, part, take)
      : rangesOf(part, partLength(conversion)).every((rows) => transposePart(reader, conversion, rows, take)),
  );
  if (!allFinite) checkFinite(conversion.tensor, readTensorFloat32(conversion.tensor));
}

function widenPart({ type, read }: ElementReader, offset: number, part: Range, take: TakePiece): boolean {
  return rangesOf(part, runElements).every(({ first, count }) =>
    widenRows({ type, rows: 1, columns: count, read: (target) => read(first, target) }, (values) => {
      if (offset !== 0) for (let index = 0; index < count; index++) values[index] = values[index]! + offset;
      take(values, first);
    }),
  );
}

function transposePart(
  { type, read }: ElementReader,
  { tensor, rows: all }: Conversion & { readonly form: 'transposed' },
  { first, count }: Range,
  take: TakePiece,
): boolean {
  const columns = columnsOf(tensor);
  return transposeRows(
    { type, rows: count, columns, read: (target) => read(first * columns, target) },
    (values, firstColumn) => {
      if (count === all.count) {
        take(values, firstColumn * count);
        return;
      }
      for (let done = 0, column = firstColumn; done < values.length; done += count, column++) {
        take(values.subarray(done, done + count), column * all.count + first - all.first);
      }
    },
  );
}

/** Rows of a matrix that is turned, or elements of a plain one. */
function partLength({ form, tensor }: Conversion): number {
  return form === 'plain' ? partElements : Math.max(16, Math.floor(partElements / columnsOf(tensor) / 16) * 16);
}

function rangesOf({ first, count }: Range, length: number): readonly Range[] {
  return Array.from({ length: Math.ceil(count / length) }, (_, index) => ({
    first: first + index * length,
    count: Math.min(length, count - index * length),
  }));
}

function columnsOf({ dims }: CheckpointTensor): number {
  return Math.max(1, dims[1] ?? 1);
}

function countOf({ dims, name }: CheckpointTensor): number {
  const count = elementCount(dims);
  if (count === undefined) throw new Error(`tensor ${name} has no number of elements`);
  return count;
}
