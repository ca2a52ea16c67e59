import { kernelInstance } from './instance.js';
import { padded, type Rows } from './panels.js';

/** A matrix with each row multiplied by its factor. */
export function scaleRowsKernel(matrix: Rows, factors: Float32Array): Float32Array {
  return scaleKernel(matrix, ({ scaleRows }, address, firstRow, rows, width, factorAddress, kernels) => {
    kernels.floats(factorAddress, rows).set(factors.subarray(firstRow, firstRow + rows));
    scaleRows(address, rows, width, factorAddress);
  });
}

/** A matrix with each column multiplied by its factor. */
export function scaleColumnsKernel(matrix: Rows, factors: Float32Array): Float32Array {
  return scaleKernel(matrix, ({ scaleColumns }, address, _firstRow, rows, width, factorAddress, kernels) => {
    kernels.floats(factorAddress, factors.length).set(factors);
    scaleColumns(address, rows, width, factorAddress);
  });
}

type Kernels = ReturnType<typeof kernelInstance>;

type Scale = (
  functions: Kernels['functions'],
  address: number,
  firstRow: number,
  rows: number,
  width: number,
  factorAddress: number,
  kernels: Kernels,
) => void;

/** Applies a change to some rows at a time. */
function scaleKernel({ values, rows, columns }: Rows, scale: Scale): Float32Array {
  const kernels = kernelInstance();
  const scaled = new Float32Array(values.length);
  const width = padded(columns);
  const rowsAtOnce = Math.max(1, Math.floor(2 ** 18 / width));
  for (let firstRow = 0; firstRow < rows; firstRow += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - firstRow);
    const [address, factorAddress] = kernels.layout(count * width * 4, Math.max(count, width) * 4);
    const target = kernels.floats(address, count * width);
    for (let row = 0; row < count; row++) {
      const start = (firstRow + row) * columns;
      target.set(values.subarray(start, start + columns), row * width);
    }
    scale(kernels.functions, address, firstRow, count, width, factorAddress, kernels);
    for (let row = 0; row < count; row++) {
      scaled.set(target.subarray(row * width, row * width + columns), (firstRow + row) * columns);
    }
  }
  return scaled;
}
