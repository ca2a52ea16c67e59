/**
 * The block formats of ggml to float32, as `dequantize_row_*` of ggml-quants.c computes them. All products are exact in
 * float64 and in float32, so that the single rounding when a value is stored gives ggml's own values.
 */
import { float16ToFloat32 } from './half.js';

/** Writes the elements of the block that begins at byte `start` of `source` to `target`, from `first` on. */
export type DecodeBlock = (source: Uint8Array, start: number, target: Float32Array, first: number) => void;

function float16At(source: Uint8Array, position: number): number {
  return float16ToFloat32(source[position]! | (source[position + 1]! << 8));
}

/** 32 elements of 4 bits: byte i holds element i in its low and element i + 16 in its high half. */
function decodeNibbles(
  source: Uint8Array,
  quants: number,
  target: Float32Array,
  first: number,
  scale: number,
  offset: number,
): void {
  for (let index = 0; index < 16; index++) {
    const pair = source[quants + index]!;
    target[first + index] = (pair & 0xf) * scale + offset;
    target[first + index + 16] = (pair >> 4) * scale + offset;
  }
}

/** As `decodeNibbles`, with the fifth bit of element i in bit i of the 4 bytes in front. */
function decodeFiveBits(
  source: Uint8Array,
  highBits: number,
  target: Float32Array,
  first: number,
  scale: number,
  offset: number,
): void {
  const high =
    source[highBits]! | (source[highBits + 1]! << 8) | (source[highBits + 2]! << 16) | (source[highBits + 3]! << 24);
  const quants = highBits + 4;
  for (let index = 0; index < 16; index++) {
    const pair = source[quants + index]!;
    const low = (pair & 0xf) | (((high >> index) & 1) << 4);
    const upper = (pair >> 4) | (((high >> (index + 16)) & 1) << 4);
    target[first + index] = low * scale + offset;
    target[first + index + 16] = upper * scale + offset;
  }
}

/** Scale (`row` 0) or minimum (`row` 4) number `index` of the eight pairs of 6 bits packed into 12 bytes. */
function sixBitScale(source: Uint8Array, scales: number, index: number, row: 0 | 4): number {
  if (index < 4) return source[scales + index + row]! & 63;
  const low = row === 0 ? source[scales + index + 4]! & 0xf : source[scales + index + 4]! >> 4;
  return low | ((source[scales + index - 4 + row]! >> 6) << 4);
}

/** 256 elements in 8 groups with a scale and a minimum each; `highBits` is where the fifth bits are, if there are any. */
function decodeSuperBlock(
  source: Uint8Array,
  start: number,
  target: Float32Array,
  first: number,
  highBits: number | undefined,
): void {
  const scale = float16At(source, start);
  const minimum = float16At(source, start + 2);
  const scales = start + 4;
  const quants = highBits === undefined ? scales + 12 : highBits + 32;
  for (let group = 0; group < 8; group++) {
    const groupScale = scale * sixBitScale(source, scales, group, 0);
    const groupMinimum = minimum * sixBitScale(source, scales, group, 4);
    const bytes = quants + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let index = 0; index < 32; index++) {
      const low = (source[bytes + index]! >> shift) & 0xf;
      const high = highBits === undefined ? 0 : ((source[highBits + index]! >> group) & 1) << 4;
      target[first + group * 32 + index] = groupScale * (low | high) - groupMinimum;
    }
  }
}

/** 16 groups of 16 elements of 6 bits with an 8-bit scale each; low 4 bits, high 2 bits, scales and the block's scale. */
function decodeSixBits(source: Uint8Array, start: number, target: Float32Array, first: number): void {
  const scale = float16At(source, start + 208);
  for (let half = 0; half < 2; half++) {
    const low = start + half * 64;
    const high = start + 128 + half * 32;
    const scales = start + 192 + half * 8;
    for (let part = 0; part < 4; part++) {
      for (let index = 0; index < 32; index++) {
        const lowBits = (source[low + index + (part & 1) * 32]! >> ((part >> 1) * 4)) & 0xf;
        const highBits = (source[high + index]! >> (part * 2)) & 3;
        const groupScale = (source[scales + part * 2 + (index >> 4)]! << 24) >> 24;
        target[first + half * 128 + part * 32 + index] = scale * groupScale * ((lowBits | (highBits << 4)) - 32);
      }
    }
  }
}

/** How the blocks of each format are decoded. */
export const blockDecoders = {
  q4_0: (source, start, target, first) => {
    const scale = float16At(source, start);
    decodeNibbles(source, start + 2, target, first, scale, -8 * scale);
  },
  q4_1: (source, start, target, first) =>
    decodeNibbles(source, start + 4, target, first, float16At(source, start), float16At(source, start + 2)),
  q5_0: (source, start, target, first) => {
    const scale = float16At(source, start);
    decodeFiveBits(source, start + 2, target, first, scale, -16 * scale);
  },
  q5_1: (source, start, target, first) =>
    decodeFiveBits(source, start + 4, target, first, float16At(source, start), float16At(source, start + 2)),
  q8_0: (source, start, target, first) => {
    const scale = float16At(source, start);
    for (let index = 0; index < 32; index++) {
      target[first + index] = ((source[start + 2 + index]! << 24) >> 24) * scale;
    }
  },
  q4_k: (source, start, target, first) => decodeSuperBlock(source, start, target, first, undefined),
  q5_k: (source, start, target, first) => decodeSuperBlock(source, start, target, first, start + 16),
  q6_k: decodeSixBits,
} as const satisfies { readonly [format: string]: DecodeBlock };
