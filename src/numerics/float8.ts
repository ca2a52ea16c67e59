/**
 * 8-bit floats to float32. Widening is exact. E4M3 and E5M2 are those of the Open Compute Project's "OCP 8-bit Floating
 * Point Specification"; the variants called FNUZ have no negative zero and no infinity, and 0x80 is their only NaN; E8M0
 * is the power of two that scales a block in the "OCP Microscaling Formats".
 */

interface Format {
  readonly exponentBits: number;
  readonly bias: number;
  /** What the largest exponent stands for: infinity and NaN as in IEEE 754, NaN for 0x7f alone, or numbers only. */
  readonly special: 'ieee' | 'one NaN' | 'none';
}

const formats = {
  float8_e4m3: { exponentBits: 4, bias: 7, special: 'one NaN' },
  float8_e4m3fnuz: { exponentBits: 4, bias: 8, special: 'none' },
  float8_e5m2: { exponentBits: 5, bias: 15, special: 'ieee' },
  float8_e5m2fnuz: { exponentBits: 5, bias: 16, special: 'none' },
} as const satisfies { readonly [name: string]: Format };

export type Float8Type = keyof typeof formats | 'float8_e8m0';

function widen(bits: number, { exponentBits, bias, special }: Format): number {
  const fractionBits = 7 - exponentBits;
  const sign = bits >= 0x80 ? -1 : 1;
  const magnitude = bits & 0x7f;
  const exponent = magnitude >> fractionBits;
  const fraction = (magnitude & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  if (special === 'none' && bits === 0x80) return Number.NaN;
  if (special === 'one NaN' && magnitude === 0x7f) return Number.NaN;
  if (special === 'ieee' && exponent === (1 << exponentBits) - 1) {
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  }
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

function widenE8m0(bits: number): number {
  return bits === 0xff ? Number.NaN : 2 ** (bits - 127);
}

const tables = new Map<Float8Type, Float32Array>();

function widenedValues(type: Float8Type): Float32Array {
  const known = tables.get(type);
  if (known !== undefined) return known;
  const table = Float32Array.from({ length: 256 }, (_, bits) =>
    type === 'float8_e8m0' ? widenE8m0(bits) : widen(bits, formats[type]),
  );
  tables.set(type, table);
  return table;
}

/** Widens 8-bit floats, one a byte, into `target`, which has the same length. */
export function float8ArrayToFloat32(type: Float8Type, source: Uint8Array, target: Float32Array): void {
  const table = widenedValues(type);
  for (let index = 0; index < target.length; index++) target[index] = table[source[index]!]!;
}
