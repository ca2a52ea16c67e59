import type { ByteReader } from '../files/byte-reader.js';
import { quote } from '../files/quote.js';

export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | BigUint64Array
  | BigInt64Array
  | Float64Array;

/** A value of a GGUF file. 64-bit integers are numbers where that is exact; a list of booleans is one of bytes. */
export type GgufValue = number | bigint | boolean | string | GgufNumbers | readonly string[];

export type GgufMetadata = ReadonlyMap<string, GgufValue>;

const typeCodes = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

const stringLengthBytes = 8;

function narrowest(value: bigint): number | bigint {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

/** The shortest decimal number that is this float32, as config.json would have it: 1e-5 and not 9.999999747378752e-6. */
function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}

function readBoolean(reader: ByteReader): boolean {
  const byte = reader.uint8();
  if (byte > 1) throw reader.error(`has the truth value ${byte}`);
  return byte === 1;
}

function readString(reader: ByteReader): string {
  return reader.text(reader.uint64());
}

function readStrings(reader: ByteReader, count: bigint): string[] {
  if (count * BigInt(stringLengthBytes) > reader.remaining) throw reader.error(`has a list of ${count} texts`);
  const strings: string[] = [];
  for (let index = 0n; index < count; index++) strings.push(readString(reader));
  return strings;
}

function readNumbers(reader: ByteReader, type: number, count: bigint): GgufNumbers {
  const take = (bytesEach: number): ArrayBuffer => reader.bytes(count * BigInt(bytesEach)).buffer;
  switch (type) {
    case typeCodes.uint8:
    case typeCodes.bool:
      return new Uint8Array(take(1));
    case typeCodes.int8:
      return new Int8Array(take(1));
    case typeCodes.uint16:
      return new Uint16Array(take(2));
    case typeCodes.int16:
      return new Int16Array(take(2));
    case typeCodes.uint32:
      return new Uint32Array(take(4));
    case typeCodes.int32:
      return new Int32Array(take(4));
    case typeCodes.float32:
      return new Float32Array(take(4));
    case typeCodes.uint64:
      return new BigUint64Array(take(8));
    case typeCodes.int64:
      return new BigInt64Array(take(8));
    case typeCodes.float64:
      return new Float64Array(take(8));
    default:
      throw reader.error(`has a list of the unknown type ${type}`);
  }
}

function readValue(reader: ByteReader): GgufValue {
  const type = reader.uint32();
  switch (type) {
    case typeCodes.uint8:
      return reader.uint8();
    case typeCodes.int8:
      return reader.int8();
    case typeCodes.uint16:
      return reader.uint16();
    case typeCodes.int16:
      return reader.int16();
    case typeCodes.uint32:
      return reader.uint32();
    case typeCodes.int32:
      return reader.int32();
    case typeCodes.float32:
      return shortestFloat32(reader.float32());
    case typeCodes.bool:
      return readBoolean(reader);
    case typeCodes.string:
      return readString(reader);
    case typeCodes.uint64:
      return narrowest(reader.uint64());
    case typeCodes.int64:
      return narrowest(reader.int64());
    case typeCodes.float64:
      return reader.float64();
    case typeCodes.array: {
      const itemType = reader.uint32();
      const count = reader.uint64();
      return itemType === typeCodes.string ? readStrings(reader, count) : readNumbers(reader, itemType, count);
    }
    default:
      throw reader.error(`has a value of the unknown type ${type}`);
  }
}

/** Reads the key-value pairs of a GGUF header. */
export function readGgufMetadata(reader: ByteReader, count: bigint): GgufMetadata {
  const metadata = new Map<string, GgufValue>();
  for (let index = 0n; index < count; index++) {
    const key = readString(reader);
    if (metadata.has(key)) throw reader.error(`has ${quote(key)} twice`);
    metadata.set(key, readValue(reader));
  }
  return metadata;
}
