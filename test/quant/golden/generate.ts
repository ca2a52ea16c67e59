import { type Matrix, matrix } from '../../../src/quant/matrix.js';

/** What `generate` in make.py is given; the kinds are described there. */
export interface MatrixSpecification {
  readonly kind: 'uniform' | 'outliers' | 'negative' | 'constant' | 'zeros' | 'halves' | 'nearTies';
  readonly rows: number;
  readonly columns: number;
  readonly seed: number;
  readonly size: number;
}

/** The same matrix, bit for bit, that make.py gave to the original implementations. */
export function generate({ kind, rows, columns, seed, size }: MatrixSpecification): Matrix {
  const values = new Float32Array(rows * columns);
  let state = seed;
  for (let index = 0; index < values.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[index] = draw(kind, state >>> 8, index, Math.floor(index / columns) % 16, size);
  }
  return matrix(values, rows, columns);
}

function draw(kind: MatrixSpecification['kind'], bits: number, index: number, row: number, size: number): number {
  const uniform = bits / 2 ** 23 - 1;
  switch (kind) {
    case 'uniform':
      return uniform * size;
    case 'outliers':
      return uniform * size * (index % 37 === 0 ? 16 : 1);
    case 'negative':
      return -Math.abs(uniform) * size;
    case 'constant':
      return size;
    case 'zeros':
      return 0;
    case 'halves':
      return half(bits, row, size);
    case 'nearTies':
      return half(bits, row, size) * 0.3;
  }
}

function half(bits: number, row: number, size: number): number {
  if (row < 2) return row === 0 ? size : -size;
  return (bits % (Math.trunc(4 * size) + 1)) / 2 - size;
}
