import { widenFloat16 } from './half';

/** The transpose of float32 [rows, columns], both multiples of 16: `target` [columns, rows], a line of the cache at a time. */
export function transpose(source: usize, rows: i32, columns: i32, target: usize): void {
  const rowBytes = (<usize>columns) << 2;
  const columnBytes = (<usize>rows) << 2;
  for (let row = 0; row < rows; row += 16, source += rowBytes << 4, target += 64) {
    let to = target;
    for (let from = source; from < source + rowBytes; from += 16, to += columnBytes << 2) {
      for (let part: usize = 0; part < 4; part++) {
        transposeSquare(from + part * (rowBytes << 2), rowBytes, to + (part << 4), columnBytes);
      }
    }
  }
}

/** Four rows of four. */
@inline
function transposeSquare(source: usize, rowBytes: usize, target: usize, columnBytes: usize): void {
  const a = v128.load(source);
  const b = v128.load(source + rowBytes);
  const c = v128.load(source + (rowBytes << 1));
  const d = v128.load(source + rowBytes * 3);
  storeSquare(a, b, c, d, target, columnBytes);
}

/** Four rows of four as columns. */
@inline
function storeSquare(a: v128, b: v128, c: v128, d: v128, target: usize, columnBytes: usize): void {
  const abLow = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const abHigh = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cdLow = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const cdHigh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<i64>(abLow, cdLow, 0, 2));
  v128.store(target + columnBytes, v128.shuffle<i64>(abLow, cdLow, 1, 3));
  v128.store(target + (columnBytes << 1), v128.shuffle<i64>(abHigh, cdHigh, 0, 2));
  v128.store(target + columnBytes * 3, v128.shuffle<i64>(abHigh, cdHigh, 1, 3));
}

/** The transpose of 16 rows of 16 bytes. `room`: 512 bytes. */
export function transposeBytes(source: usize, rowBytes: usize, target: usize, columnBytes: usize, room: usize): void {
  interleave(source, rowBytes, room, 16);
  interleave(room, 16, room + 256, 16);
  interleave(room + 256, 16, room, 16);
  interleave(room, 16, target, columnBytes);
}

/** 16 rows of 16 bytes, of which every eighth become pairs of neighbours: four times, it is the transpose. */
@inline
function interleave(source: usize, rowBytes: usize, target: usize, targetBytes: usize): void {
  const half = rowBytes << 3;
  for (let count = 0; count < 8; count++, source += rowBytes, target += targetBytes << 1) {
    const a = v128.load(source);
    const b = v128.load(source + half);
    v128.store(target, v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    v128.store(
      target + targetBytes,
      v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    );
  }
}

/** Types of elements, as `transposeTile` is told them. */
const float16 = 1;
const bfloat16 = 2;

/**
 * The float32 transpose of a tile of a matrix: `target` [columns, rows] of `rows` rows of `columns` elements of a type, both
 * multiples of 16. Rows of the matrix lie `rowBytes` apart. Returns whether all elements are finite.
 */
export function transposeTile(source: usize, rowBytes: usize, type: i32, rows: i32, columns: i32, target: usize): bool {
  if (type === float16) return transposeWidened(source, rowBytes, 1, rows, columns, target);
  if (type === bfloat16) return transposeWidened(source, rowBytes, 2, rows, columns, target);
  return transposeWidened(source, rowBytes, 0, rows, columns, target);
}

@inline
function transposeWidened(source: usize, rowBytes: usize, type: i32, rows: i32, columns: i32, target: usize): bool {
  const columnBytes = (<usize>rows) << 2;
  const stepBytes: usize = type === 0 ? 16 : 8;
  // Magnitudes of floats are in the order of their bits.
  let largest = i32x4.splat(0);
  for (let row = 0; row < rows; row += 16, source += rowBytes << 4, target += 64) {
    let to = target;
    let first = source;
    for (let column = 0; column < columns; column += 4, to += columnBytes << 2, first += stepBytes) {
      let from = first;
      for (let part: usize = 0; part < 64; part += 16, from += rowBytes << 2) {
        const a = fourFloats(from, type);
        const b = fourFloats(from + rowBytes, type);
        const c = fourFloats(from + (rowBytes << 1), type);
        const d = fourFloats(from + rowBytes * 3, type);
        largest = i32x4.max_s(largest, i32x4.max_s(magnitude(a), magnitude(b)));
        largest = i32x4.max_s(largest, i32x4.max_s(magnitude(c), magnitude(d)));
        storeSquare(a, b, c, d, to + part, columnBytes);
      }
    }
  }
  return !v128.any_true(i32x4.ge_s(largest, i32x4.splat(0x7f800000)));
}

@inline
function magnitude(value: v128): v128 {
  return v128.and(value, i32x4.splat(0x7fffffff));
}

@inline
function fourFloats(address: usize, type: i32): v128 {
  if (type === 0) return v128.load(address);
  const bits = v128.load_ext<u16>(address);
  return type === 1 ? widenFloat16(bits) : i32x4.shl(bits, 16);
}
