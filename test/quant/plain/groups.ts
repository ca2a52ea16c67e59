import { bfloat16ToFloat32, float32ToBfloat16 } from '../../../src/numerics/half.js';
import { roundHalfToEven } from '../../../src/numerics/rounding.js';
import { type Matrix, matrix } from '../../../src/quant/matrix.js';

const { fround } = Math;

export interface PlainGroups {
  readonly bits: number;
  /** Rows that share a scale. */
  readonly group: number;
  readonly symmetric: boolean;
}

export interface PlainGroupWeight {
  /** [K, N], one code each */
  readonly codes: Uint8Array;
  /** [groups, N] */
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array;
}

/** AMD's group quantization, value by value. */
export function quantizeGroups(
  { values, rows, columns }: Matrix,
  { bits, group, symmetric }: PlainGroups,
): PlainGroupWeight {
  const groups = Math.ceil(rows / group);
  const largestCode = 2 ** bits - 1;
  const middle = 2 ** (bits - 1);
  const codes = new Uint8Array(values.length);
  const scales = new Float32Array(groups * columns);
  const zeroPoints = new Float32Array(groups * columns);
  for (let column = 0; column < columns; column++) {
    for (let index = 0; index < groups; index++) {
      const places = Array.from(
        { length: Math.min(group, rows - index * group) },
        (_, row) => (index * group + row) * columns + column,
      );
      const members = places.map((place) => values[place]!);
      const smallest = Math.min(...members);
      const largest = Math.max(...members);
      const range = symmetric ? Math.max(Math.abs(smallest), Math.abs(largest)) : fround(largest - smallest);
      const levels = symmetric ? middle - 1 : largestCode;
      const scale = bfloat16ToFloat32(float32ToBfloat16(fround(Math.max(range, fround(1e-5)) / levels)));
      const zeroPoint = symmetric
        ? middle
        : Math.min(Math.max(0 - roundHalfToEven(fround(smallest / scale)), 0), largestCode);
      scales[index * columns + column] = scale;
      zeroPoints[index * columns + column] = zeroPoint;
      for (const place of places) {
        const code = roundHalfToEven(fround(values[place]! / scale)) + zeroPoint;
        codes[place] = Math.min(Math.max(code, 0), largestCode);
      }
    }
  }
  return { codes, scales, zeroPoints };
}

/** (code - zero point) * scale */
export function dequantizeGroups({ rows, columns }: Matrix, group: number, weight: PlainGroupWeight): Matrix {
  const values = Float32Array.from(weight.codes, (code, index) => {
    const place = Math.floor(Math.floor(index / columns) / group) * columns + (index % columns);
    return (code - weight.zeroPoints[place]!) * weight.scales[place]!;
  });
  return matrix(values, rows, columns);
}

/** Values limited to a share of the largest magnitude of their group. */
export function limitGroups({ values, rows, columns }: Matrix, group: number, share: number): Matrix {
  const groupOf = (index: number): number =>
    Math.floor(Math.floor(index / columns) / group) * columns + (index % columns);
  const largest: number[] = [];
  for (const [index, value] of values.entries()) {
    largest[groupOf(index)] = Math.max(largest[groupOf(index)] ?? 0, Math.abs(value));
  }
  const limited = values.map((value, index) => {
    const bound = fround(largest[groupOf(index)]! * fround(share));
    return Math.min(Math.max(value, -bound), bound);
  });
  return matrix(limited, rows, columns);
}

/** The difference that quantizing a weight with scaled rows makes: weight - restored / factor. */
export function groupError(weight: Matrix, options: PlainGroups, factors: Float32Array): Matrix {
  const { values, rows, columns } = weight;
  const scaled = matrix(
    values.map((value, index) => value * factors[Math.floor(index / columns)]!),
    rows,
    columns,
  );
  const restored = dequantizeGroups(scaled, options.group, quantizeGroups(scaled, options)).values;
  const difference = values.map(
    (value, index) => value - fround(restored[index]! / factors[Math.floor(index / columns)]!),
  );
  return matrix(difference, rows, columns);
}
