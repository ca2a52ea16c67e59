import type { ByteReader } from '../files/byte-reader.js';

/** The operations of pickle protocols 2 to 5 that are understood, as Python's pickletools.py calls them. */
export const opcodes = {
  mark: 0x28,
  emptyTuple: 0x29,
  stop: 0x2e,
  pop: 0x30,
  popMark: 0x31,
  dup: 0x32,
  binBytes: 0x42,
  shortBinBytes: 0x43,
  binFloat: 0x47,
  binInt: 0x4a,
  binInt1: 0x4b,
  binInt2: 0x4d,
  none: 0x4e,
  binPersistentId: 0x51,
  reduce: 0x52,
  binString: 0x54,
  shortBinString: 0x55,
  binUnicode: 0x58,
  emptyList: 0x5d,
  append: 0x61,
  build: 0x62,
  global: 0x63,
  appends: 0x65,
  binGet: 0x68,
  instance: 0x69,
  longBinGet: 0x6a,
  binPut: 0x71,
  longBinPut: 0x72,
  setItem: 0x73,
  tuple: 0x74,
  setItems: 0x75,
  emptyDict: 0x7d,
  protocol: 0x80,
  newObject: 0x81,
  tuple1: 0x85,
  tuple2: 0x86,
  tuple3: 0x87,
  newTrue: 0x88,
  newFalse: 0x89,
  long1: 0x8a,
  long4: 0x8b,
  shortBinUnicode: 0x8c,
  binUnicode8: 0x8d,
  binBytes8: 0x8e,
  stackGlobal: 0x93,
  memoize: 0x94,
  frame: 0x95,
  byteArray8: 0x96,
} as const;

const maximumIntegerBytes = 32;

/** A two's complement integer; those that a number holds exactly are numbers. */
function readInteger(reader: ByteReader, byteCount: number): number | bigint {
  if (byteCount > maximumIntegerBytes) throw reader.error(`has an integer of ${byteCount} bytes`);
  const unsigned = reader.bytes(byteCount).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const value = BigInt.asIntN(byteCount * 8, unsigned);
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

export type PickleScalar = boolean | number | bigint | string | Uint8Array;

/** The value that an operation puts on the stack, for those that read nothing but the bytes behind them. */
export function readScalar(opcode: number, reader: ByteReader): PickleScalar | undefined {
  switch (opcode) {
    case opcodes.newTrue:
      return true;
    case opcodes.newFalse:
      return false;
    case opcodes.binInt:
      return reader.int32();
    case opcodes.binInt1:
      return reader.uint8();
    case opcodes.binInt2:
      return reader.uint16();
    case opcodes.long1:
      return readInteger(reader, reader.uint8());
    case opcodes.long4:
      return readInteger(reader, reader.uint32());
    case opcodes.binFloat:
      return reader.float64BigEndian();
    case opcodes.shortBinUnicode:
    case opcodes.shortBinString:
      return reader.text(reader.uint8());
    case opcodes.binUnicode:
    case opcodes.binString:
      return reader.text(reader.uint32());
    case opcodes.binUnicode8:
      return reader.text(reader.uint64());
    case opcodes.shortBinBytes:
      return reader.bytes(reader.uint8());
    case opcodes.binBytes:
      return reader.bytes(reader.uint32());
    case opcodes.binBytes8:
    case opcodes.byteArray8:
      return reader.bytes(reader.uint64());
    default:
      return undefined;
  }
}
