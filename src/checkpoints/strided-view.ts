import { elementCount, type StridedView } from './checkpoint.js';

/** The strides of row-major elements. */
export function rowMajorStrides(dims: readonly number[]): number[] {
  let stride = 1;
  return dims
    .toReversed()
    .map((dim) => {
      const current = stride;
      stride *= dim;
      return current;
    })
    .reverse();
}

/** How many elements lie from the first to the last one of a view, both included. 0 for a view without elements. */
export function elementSpan({ dims, strides }: StridedView): number {
  if (dims.includes(0)) return 0;
  return dims.reduce((span, dim, axis) => span + (dim - 1) * (strides[axis] ?? 0), 1);
}

/** Whether the view is just its elements in order, so that nothing has to be moved. */
export function isRowMajor({ dims, strides }: StridedView): boolean {
  const expected = rowMajorStrides(dims);
  return dims.includes(0) || dims.every((dim, axis) => dim === 1 || strides[axis] === expected[axis]);
}

/** The elements of a view in row-major order. */
export function gatherView(values: Float32Array, { dims, strides }: StridedView): Float32Array {
  const gathered = new Float32Array(elementCount(dims) ?? 0);
  const columns = dims.at(-1) ?? 1;
  const columnStride = strides.at(-1) ?? 1;
  const outerDims = dims.slice(0, -1);
  const place = outerDims.map(() => 0);
  let start = 0;
  for (let done = 0; done < gathered.length; done += columns) {
    for (let column = 0; column < columns; column++) gathered[done + column] = values[start + column * columnStride]!;
    for (let axis = outerDims.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (place[axis] ?? 0) + 1;
      const dim = outerDims[axis] ?? 1;
      start += stride;
      place[axis] = next;
      if (next < dim) break;
      start -= dim * stride;
      place[axis] = 0;
    }
  }
  return gathered;
}
