import { compare } from './arithmetic';
import { rangeOfColumns, scatter } from './groups';
import { transposeBytes } from './transpose';

/** float32 integers from 0 to 255 have their value in the lowest byte when this is added to them. */
@inline const bias: f32 = 8388608;

/** Rounds values from 0 to 255, of two integers equally near up. */
@inline
function roundHalfUp(values: v128): v128 {
  const even = f32x4.nearest(values);
  const isBelow = f32x4.eq(f32x4.sub(values, even), f32x4.splat(0.5));
  return f32x4.add(even, v128.and(isBelow, f32x4.splat(1)));
}

/** The nearest of 0..largest, which NaN makes 0, rounded half up. */
@inline
function codeOf(value: v128, largest: v128): v128 {
  return roundHalfUp(f32x4.pmin(f32x4.pmax(f32x4.splat(0), value), largest));
}

/** The bytes of the codes of four values in int32. What the codes stand for goes to `restored`. */
@inline
function codesOf4(
  value: usize,
  scale: usize,
  reciprocal: usize,
  zeroPoint: usize,
  largest: v128,
  restored: usize,
  offset: usize,
): v128 {
  const zero = v128.load(zeroPoint + offset);
  const code = codeOf(f32x4.add(f32x4.mul(v128.load(value + offset), v128.load(reciprocal + offset)), zero), largest);
  v128.store(restored + offset, f32x4.mul(f32x4.sub(code, zero), v128.load(scale + offset)));
  return v128.and(f32x4.add(code, f32x4.splat(bias)), i32x4.splat(0xff));
}

@inline
function codesOf16(
  value: usize,
  scale: usize,
  reciprocal: usize,
  zeroPoint: usize,
  largest: v128,
  restored: usize,
): v128 {
  const a = codesOf4(value, scale, reciprocal, zeroPoint, largest, restored, 0);
  const b = codesOf4(value, scale, reciprocal, zeroPoint, largest, restored, 16);
  const c = codesOf4(value, scale, reciprocal, zeroPoint, largest, restored, 32);
  const d = codesOf4(value, scale, reciprocal, zeroPoint, largest, restored, 48);
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/**
 * ONNX Runtime's scales of one block, their reciprocals and zero points, float32 [columns] each, from the range of its
 * columns, of which the first two take the place. The reciprocal of 0 is 0.
 */
@inline
function findScales(
  scales: usize,
  reciprocals: usize,
  zeroPoints: usize,
  columns: i32,
  largest: v128,
  middle: v128,
  symmetric: bool,
): void {
  const zero = f32x4.splat(0);
  const bytes = (<usize>columns) << 2;
  for (let column: usize = 0; column < bytes; column += 16) {
    let smallest = v128.load(scales + column);
    let greatest = v128.load(reciprocals + column);
    let scale: v128;
    let zeroPoint = middle;
    if (symmetric) {
      const isGreatest = f32x4.gt(f32x4.abs(greatest), f32x4.abs(smallest));
      scale = f32x4.div(f32x4.neg(v128.bitselect(greatest, smallest, isGreatest)), middle);
    } else {
      smallest = f32x4.pmin(zero, smallest);
      greatest = f32x4.pmax(zero, greatest);
      scale = f32x4.div(f32x4.sub(greatest, smallest), largest);
      zeroPoint = v128.and(codeOf(f32x4.div(f32x4.neg(smallest), scale), largest), f32x4.ne(scale, zero));
    }
    v128.store(scales + column, scale);
    v128.store(reciprocals + column, v128.and(f32x4.div(f32x4.splat(1), scale), f32x4.ne(scale, zero)));
    v128.store(zeroPoints + column, zeroPoint);
  }
}

/**
 * Quantizes a block of rows, float32 `stride` bytes apart, as ONNX Runtime's MatMulNBitsQuantizer does: packed codes,
 * `8 / bits` rows a byte, those of the next column `columnBytes` further; scales, float32, that of the next column
 * `scaleBytes` further; zero points, float32 [columns]; and adds the error to `state`, row by row, as `compare` does. The
 * part of a last byte that belongs to no row is 0.
 *
 * `room`: float32 [2 + 8 / bits, columns], uint8 [ceil(rows * bits / 8), columns] and 512 bytes.
 */
export function quantizeBlock(
  values: usize,
  stride: usize,
  rows: i32,
  columns: i32,
  largestCode: f32,
  symmetric: bool,
  bits: i32,
  codes: usize,
  columnBytes: usize,
  scales: usize,
  scaleBytes: usize,
  zeroPoints: usize,
  state: usize,
  room: usize,
): void {
  const rowBytes = (<usize>columns) << 2;
  const largest = f32x4.splat(largestCode);
  const perByte = 8 / bits;
  const scaleRow = room;
  const reciprocals = scaleRow + rowBytes;
  const restored = reciprocals + rowBytes;
  const packed = restored + rowBytes * perByte;
  rangeOfColumns(values, stride, rows, columns, scaleRow, reciprocals);
  findScales(scaleRow, reciprocals, zeroPoints, columns, largest, f32x4.splat((largestCode + 1) / 2), symmetric);
  for (let column: usize = 0; column < rowBytes; column += 4, scales += scaleBytes) {
    store<f32>(scales, load<f32>(scaleRow + column));
  }
  let target = packed;
  for (let row = 0; row < rows; row += perByte, values += stride * perByte) {
    const count = min(perByte, rows - row);
    for (let column: usize = 0; column < rowBytes; column += 64, target += 16) {
      const scale = scaleRow + column;
      const reciprocal = reciprocals + column;
      const zeroPoint = zeroPoints + column;
      let value = values + column;
      let result = restored + column;
      let bytes = codesOf16(value, scale, reciprocal, zeroPoint, largest, result);
      for (let next = 1; next < count; next++) {
        value += stride;
        result += rowBytes;
        bytes = v128.or(bytes, i8x16.shl(codesOf16(value, scale, reciprocal, zeroPoint, largest, result), next * bits));
      }
      v128.store(target, bytes);
    }
    for (let next = 0; next < count; next++) {
      compare(values + stride * next, restored + rowBytes * next, columns, state);
    }
  }
  turnBytes(packed, (rows + perByte - 1) / perByte, columns, codes, columnBytes, target);
}

/** Bytes [rows, columns] as columns that are `columnBytes` apart. `room`: 512 bytes. */
@inline
function turnBytes(bytes: usize, rows: i32, columns: i32, target: usize, columnBytes: usize, room: usize): void {
  const width = <usize>columns;
  let row = 0;
  for (; row + 16 <= rows; row += 16, bytes += width << 4, target += 16) {
    for (let column: usize = 0; column < width; column += 16) {
      transposeBytes(bytes + column, width, target + column * columnBytes, columnBytes, room);
    }
  }
  for (; row < rows; row++, bytes += width, target++) {
    for (let column: usize = 0; column < width; column += 16) {
      scatter(v128.load(bytes + column), target + column * columnBytes, columnBytes);
    }
  }
}
