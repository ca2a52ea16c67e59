import { compare } from './arithmetic';

/** Steps of the search behind the first fit. */
@inline const searchSteps = 20;
/** float32 integers from 0 to 255 have their value in the lowest byte when this is added to them. */
@inline const bias: f32 = 8388608;

/** What is kept of a block of four columns, each float32 [block, 4], one behind the other. */
@inline const dataPlace: usize = 0;
@inline const weightsPlace: usize = 1;
@inline const codesPlace: usize = 2;
/** Terms of sums. */
@inline const firstTerms: usize = 3;
@inline const secondTerms: usize = 4;
@inline const thirdTerms: usize = 5;
@inline const places: usize = 6;

/** Adds the first of eight sums to the second and so on, as `sumOfRows` needs it. */
@inline
function pairs(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
}

/** The sum of `rows` rows of four, a multiple of 8, in numpy's order for up to 128 values. */
@inline
function sumOfFew(terms: usize, rows: i32): v128 {
  let a = v128.load(terms);
  let b = v128.load(terms, 16);
  let c = v128.load(terms, 32);
  let d = v128.load(terms, 48);
  let e = v128.load(terms, 64);
  let f = v128.load(terms, 80);
  let g = v128.load(terms, 96);
  let h = v128.load(terms, 112);
  for (const end = terms + ((<usize>rows) << 4); (terms += 128) < end; ) {
    a = f32x4.add(a, v128.load(terms));
    b = f32x4.add(b, v128.load(terms, 16));
    c = f32x4.add(c, v128.load(terms, 32));
    d = f32x4.add(d, v128.load(terms, 48));
    e = f32x4.add(e, v128.load(terms, 64));
    f = f32x4.add(f, v128.load(terms, 80));
    g = f32x4.add(g, v128.load(terms, 96));
    h = f32x4.add(h, v128.load(terms, 112));
  }
  return f32x4.add(pairs(a, b, c, d), pairs(e, f, g, h));
}

/** The sum of a block, numpy's pairwise summation: 256 values are two times 128. */
function sumOfRows(terms: usize, rows: i32): v128 {
  if (rows <= 128) return sumOfFew(terms, rows);
  const half = rows >> 1;
  return f32x4.add(sumOfFew(terms, half), sumOfFew(terms + ((<usize>half) << 4), half));
}

/** The nearest of 0..largest; NaN stays. */
@inline
function clamp(value: v128, largest: v128): v128 {
  return f32x4.pmin(f32x4.pmax(value, f32x4.splat(0)), largest);
}

@inline
function inverseScale(levels: v128, minimum: v128, maximum: v128): v128 {
  const inverse = f32x4.div(levels, f32x4.sub(maximum, minimum));
  return v128.bitselect(f32x4.splat(1), inverse, f32x4.eq(minimum, maximum));
}

@inline
function codeOf(value: v128, inverse: v128, minimum: v128, largest: v128): v128 {
  return clamp(f32x4.nearest(f32x4.mul(inverse, f32x4.sub(value, minimum))), largest);
}

/** The weighted squared error of codes. */
@inline
function errorOf(room: usize, block: i32, scale: v128, minimum: v128): v128 {
  const bytes = (<usize>block) << 4;
  const terms = room + firstTerms * bytes;
  for (let place: usize = 0; place < bytes; place += 16) {
    const value = v128.load(room + dataPlace * bytes + place);
    const weight = v128.load(room + weightsPlace * bytes + place);
    const code = v128.load(room + codesPlace * bytes + place);
    const distance = f32x4.sub(f32x4.add(f32x4.mul(scale, code), minimum), value);
    v128.store(terms + place, f32x4.mul(weight, f32x4.mul(distance, distance)));
  }
  return sumOfRows(terms, block);
}

/** a b - c d */
@inline
function difference(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.sub(f32x4.mul(a, b), f32x4.mul(c, d));
}

/**
 * The scale and zero point of a block of four columns, float32 [4] each, from its data in `room`: of 21 fits of scale and
 * minimum that with the least weighted squared error. `levels`: float32 [20], one less than the levels of each step.
 */
function findScale(room: usize, block: i32, largestCode: f32, levels: usize, scales: usize, zeroPoints: usize): void {
  const bytes = (<usize>block) << 4;
  const data = room + dataPlace * bytes;
  const weights = room + weightsPlace * bytes;
  const codes = room + codesPlace * bytes;
  const first = room + firstTerms * bytes;
  const second = room + secondTerms * bytes;
  const third = room + thirdTerms * bytes;
  const largest = f32x4.splat(largestCode);
  let minimum = f32x4.splat(Infinity);
  let maximum = f32x4.splat(-Infinity);
  for (let place: usize = 0; place < bytes; place += 16) {
    const value = v128.load(data + place);
    minimum = f32x4.pmin(minimum, value);
    maximum = f32x4.pmax(maximum, value);
    v128.store(first + place, f32x4.mul(value, value));
  }
  const root = f32x4.sqrt(f32x4.div(sumOfRows(first, block), f32x4.splat(<f32>block)));
  const firstInverse = inverseScale(largest, minimum, maximum);
  for (let place: usize = 0; place < bytes; place += 16) {
    const value = v128.load(data + place);
    const weight = f32x4.add(root, f32x4.abs(value));
    v128.store(weights + place, weight);
    v128.store(first + place, f32x4.mul(weight, value));
    v128.store(codes + place, codeOf(value, firstInverse, minimum, largest));
  }
  const sumOfWeights = sumOfRows(weights, block);
  const sumOfValues = sumOfRows(first, block);
  let scale = f32x4.div(f32x4.splat(1), firstInverse);
  let leastError = errorOf(room, block, scale, minimum);
  for (let step = 0; step < searchSteps; step++, levels += 4) {
    // The original starts each step from the minimum of the best fit so far.
    const inverse = inverseScale(v128.load32_splat(levels), minimum, maximum);
    for (let place: usize = 0; place < bytes; place += 16) {
      const value = v128.load(data + place);
      const code = codeOf(value, inverse, minimum, largest);
      const weighted = f32x4.mul(v128.load(weights + place), code);
      v128.store(codes + place, code);
      v128.store(first + place, weighted);
      v128.store(second + place, f32x4.mul(weighted, code));
      v128.store(third + place, f32x4.mul(weighted, value));
    }
    const sumOfCodes = sumOfRows(first, block);
    const sumOfSquares = sumOfRows(second, block);
    const sumOfProducts = sumOfRows(third, block);
    const determinant = difference(sumOfWeights, sumOfSquares, sumOfCodes, sumOfCodes);
    const fitScale = f32x4.div(difference(sumOfWeights, sumOfProducts, sumOfValues, sumOfCodes), determinant);
    const fitMinimum = f32x4.div(difference(sumOfSquares, sumOfValues, sumOfCodes, sumOfProducts), determinant);
    const error = errorOf(room, block, fitScale, fitMinimum);
    const isLess = f32x4.lt(error, leastError);
    leastError = v128.bitselect(error, leastError, isLess);
    scale = v128.bitselect(fitScale, scale, isLess);
    minimum = v128.bitselect(fitMinimum, minimum, isLess);
  }
  v128.store(scales, scale);
  v128.store(zeroPoints, clamp(f32x4.nearest(f32x4.div(f32x4.neg(minimum), scale)), largest));
}

/** Half of four codes, in float64: round half to even(value / scale + zero point), the nearest of 0..largest. */
@inline
function preciseCode(value: v128, scale: v128, zeroPoint: v128, largest: v128): v128 {
  const code = f64x2.nearest(f64x2.add(f64x2.div(f64x2.promote_low_f32x4(value), scale), zeroPoint));
  return f32x4.demote_f64x2_zero(f64x2.pmin(f64x2.pmax(f64x2.splat(0), code), largest));
}

@inline
function highHalf(values: v128): v128 {
  return v128.shuffle<i64>(values, values, 1, 1);
}

/**
 * Quantizes a block as ONNX Runtime's k_quant does. `rows` rows, float32 `stride` bytes apart, of a block that has `block`
 * of them, a multiple of 16: the others count as zeros. Packed codes, `8 / bits` rows a byte, those of the next column
 * `columnBytes` further; scales, float32, that of the next column `scaleBytes` further; zero points, float32 [columns]; and
 * adds the error of the rows to `state`, row by row, as `compare` does.
 *
 * `room`: float32 [block, columns], [6, block, 4] and [2, 4].
 */
export function kQuantizeBlock(
  values: usize,
  stride: usize,
  rows: i32,
  block: i32,
  columns: i32,
  largestCode: f32,
  levels: usize,
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
  const restored = room;
  const data = restored + rowBytes * block;
  const found = data + ((places * block) << 4);
  const largest = f64x2.splat(largestCode);
  for (let column: usize = 0; column < rowBytes; column += 16) {
    let value = values + column;
    for (let row = 0; row < block; row++, value += stride) {
      v128.store(data + ((<usize>row) << 4), row < rows ? v128.load(value) : f32x4.splat(0));
    }
    findScale(data, block, largestCode, levels, found, found + 16);
    const scale = v128.load(found);
    const zeroPoint = v128.load(found, 16);
    // A zero point that is none is written as 0.
    const cleanZeroPoint = f32x4.pmax(f32x4.splat(0), zeroPoint);
    v128.store(zeroPoints + column, cleanZeroPoint);
    const scaleLow = f64x2.promote_low_f32x4(scale);
    const scaleHigh = f64x2.promote_low_f32x4(highHalf(scale));
    const zeroLow = f64x2.promote_low_f32x4(zeroPoint);
    const zeroHigh = f64x2.promote_low_f32x4(highHalf(zeroPoint));
    let result = restored + column;
    let source = data;
    let target = codes;
    for (let row = 0; row < block; target++) {
      let packed = i32x4.splat(0);
      for (let shift = 0; shift < 8; shift += bits, row++, source += 16, result += rowBytes) {
        const four = v128.load(source);
        const low = preciseCode(four, scaleLow, zeroLow, largest);
        const high = preciseCode(highHalf(four), scaleHigh, zeroHigh, largest);
        const code = v128.shuffle<i64>(low, high, 0, 2);
        v128.store(result, f32x4.mul(f32x4.sub(code, cleanZeroPoint), scale));
        const byte = v128.and(f32x4.add(code, f32x4.splat(bias)), i32x4.splat(0xff));
        packed = v128.or(packed, i32x4.shl(byte, shift));
      }
      v128.store_lane<u8>(target, packed, 0);
      v128.store_lane<u8>(target + columnBytes, packed, 4);
      v128.store_lane<u8>(target + 2 * columnBytes, packed, 8);
      v128.store_lane<u8>(target + 3 * columnBytes, packed, 12);
    }
    codes += columnBytes << 2;
    v128.store_lane<f32>(scales, scale, 0);
    v128.store_lane<f32>(scales + scaleBytes, scale, 1);
    v128.store_lane<f32>(scales + 2 * scaleBytes, scale, 2);
    v128.store_lane<f32>(scales + 3 * scaleBytes, scale, 3);
    scales += scaleBytes << 2;
  }
  for (let row = 0; row < rows; row++) compare(values + stride * row, restored + rowBytes * row, columns, state);
}
