import { bfloat16ToFloat32, float16ToFloat32 } from '../../numerics/half.js';

type ElementAt = (index: number) => number;

interface ElementType {
  readonly bits: number;
  reader(view: DataView): ElementAt;
}

const byteTypes: { readonly [dataType: string]: ElementType } = {
  float64: { bits: 64, reader: (view) => (index) => view.getFloat64(index * 8, true) },
  float32: { bits: 32, reader: (view) => (index) => view.getFloat32(index * 4, true) },
  float16: { bits: 16, reader: (view) => (index) => float16ToFloat32(view.getUint16(index * 2, true)) },
  bfloat16: { bits: 16, reader: (view) => (index) => bfloat16ToFloat32(view.getUint16(index * 2, true)) },
  int8: { bits: 8, reader: (view) => (index) => view.getInt8(index) },
  uint8: { bits: 8, reader: (view) => (index) => view.getUint8(index) },
  bool: { bits: 8, reader: (view) => (index) => view.getUint8(index) },
  int16: { bits: 16, reader: (view) => (index) => view.getInt16(index * 2, true) },
  uint16: { bits: 16, reader: (view) => (index) => view.getUint16(index * 2, true) },
  int32: { bits: 32, reader: (view) => (index) => view.getInt32(index * 4, true) },
  uint32: { bits: 32, reader: (view) => (index) => view.getUint32(index * 4, true) },
  int64: { bits: 64, reader: (view) => (index) => Number(view.getBigInt64(index * 8, true)) },
  uint64: { bits: 64, reader: (view) => (index) => Number(view.getBigUint64(index * 8, true)) },
  uint4: { bits: 4, reader: (view) => (index) => packed(view, index, 4) },
  int4: { bits: 4, reader: (view) => (index) => signed(packed(view, index, 4), 4) },
  uint2: { bits: 2, reader: (view) => (index) => packed(view, index, 2) },
  int2: { bits: 2, reader: (view) => (index) => signed(packed(view, index, 2), 2) },
};

/** Elements narrower than a byte are packed, the first one in the lowest bits. */
function packed(view: DataView, index: number, bits: number): number {
  const perByte = 8 / bits;
  return (view.getUint8(Math.floor(index / perByte)) >> ((index % perByte) * bits)) & (2 ** bits - 1);
}

function signed(value: number, bits: number): number {
  return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
}

/**
 * Reads single elements of little-endian, row-major tensor data as numbers; 64-bit integers lose what a double can't
 * hold. `undefined` for types that have no numeric form here, such as strings.
 */
export function elementReader(dataType: string, bytes: Uint8Array): ElementAt | undefined {
  return byteTypes[dataType]?.reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
