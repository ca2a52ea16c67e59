import { QuernError } from '../errors.js';
import { ByteReader } from './byte-reader.js';
import type { InputFile } from './input-file.js';
import { quote } from './quote.js';

/** A file inside a ZIP archive that is stored as it is, so that it can be read in place. */
export interface StoredEntry {
  readonly name: string;
  /** Of its first byte in the archive. */
  readonly offset: number;
  readonly sizeBytes: number;
}

interface DirectoryPlace {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly entries: number;
}

interface DirectoryEntry {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  readonly headerOffset: number;
}

const endSignature = 0x0605_4b50;
const end64Signature = 0x0606_4b50;
const locator64Signature = 0x0706_4b50;
const entrySignature = 0x0201_4b50;
const localSignature = 0x0403_4b50;
const endBytes = 22;
const locatorBytes = 20;
const localHeaderBytes = 30;
const maximumCommentBytes = 0xffff;
const maximumEntries = 200_000;
/** In a field of 2 or 4 bytes: the value is in the ZIP64 record instead. */
const see64 = { short: 0xffff, long: 0xffff_ffff } as const;
const extra64 = 1;
const encrypted = 1;

function damaged(path: string, problem: string): QuernError {
  return new QuernError('input', `${path}: the ZIP archive ${problem}`, {
    suggestion: 'it is damaged or was cut off: download it again',
  });
}

function findEnd(file: InputFile): number {
  const length = Math.min(file.sizeBytes, endBytes + maximumCommentBytes);
  const tail = Buffer.alloc(length);
  file.read(file.sizeBytes - length, tail);
  for (let index = length - endBytes; index >= 0; index--) {
    const commentBytes = index + endBytes <= length ? tail.readUInt16LE(index + 20) : -1;
    if (tail.readUInt32LE(index) === endSignature && index + endBytes + commentBytes === length) {
      return file.sizeBytes - length + index;
    }
  }
  throw damaged(file.path, 'has no directory at its end');
}

function readPlace64(file: InputFile, end: number): DirectoryPlace {
  if (end < locatorBytes) throw damaged(file.path, 'has no ZIP64 record');
  const locator = new ByteReader(file, 'the ZIP64 locator', end - locatorBytes, end);
  if (locator.uint32() !== locator64Signature) throw damaged(file.path, 'has no ZIP64 record');
  locator.skip(4);
  const offset = locator.uint64();
  if (offset > BigInt(file.sizeBytes)) throw damaged(file.path, 'has its ZIP64 record behind its end');
  const record = new ByteReader(file, 'the ZIP64 record', Number(offset));
  if (record.uint32() !== end64Signature) throw damaged(file.path, 'has no ZIP64 record');
  record.skip(28);
  const entries = Number(record.uint64());
  const sizeBytes = Number(record.uint64());
  return { entries, sizeBytes, offset: Number(record.uint64()) };
}

function readPlace(file: InputFile): DirectoryPlace {
  const end = findEnd(file);
  const record = new ByteReader(file, 'the end of the ZIP directory', end + 10);
  const entries = record.uint16();
  const sizeBytes = record.uint32();
  const offset = record.uint32();
  const is64 = entries === see64.short || sizeBytes === see64.long || offset === see64.long;
  const place = is64 ? readPlace64(file, end) : { entries, sizeBytes, offset };
  if (place.offset + place.sizeBytes > end) throw damaged(file.path, 'has a directory that is not inside it');
  if (place.entries > maximumEntries) throw damaged(file.path, `has ${place.entries} files, which is too many`);
  return place;
}

/** The 64-bit values of an entry's extra fields, which are there for those fields that hold `see64` and no others. */
function readExtra64(reader: ByteReader, extraBytes: number, needed: number): number[] {
  const end = reader.position + extraBytes;
  const values: number[] = [];
  while (reader.position + 4 <= end) {
    const kind = reader.uint16();
    const next = reader.position + 2 + reader.uint16();
    while (kind === extra64 && values.length < needed && reader.position + 8 <= Math.min(next, end)) {
      values.push(Number(reader.uint64()));
    }
    if (next < reader.position || next > end) break;
    reader.skip(next - reader.position);
  }
  if (end > reader.position) reader.skip(end - reader.position);
  return values;
}

function readEntry(reader: ByteReader): DirectoryEntry {
  if (reader.uint32() !== entrySignature) throw reader.error('has an entry that does not begin like one');
  reader.skip(4);
  const flags = reader.uint16();
  const method = reader.uint16();
  reader.skip(8);
  const compressedBytes = reader.uint32();
  const sizeBytes = reader.uint32();
  const nameBytes = reader.uint16();
  const extraBytes = reader.uint16();
  const commentBytes = reader.uint16();
  reader.skip(8);
  const headerOffset = reader.uint32();
  const name = reader.text(nameBytes);
  const is64 = [sizeBytes, compressedBytes, headerOffset].map((value) => value === see64.long);
  const wide = readExtra64(reader, extraBytes, is64.filter(Boolean).length);
  reader.skip(commentBytes);
  const resolve = (value: number): number => {
    if (value !== see64.long) return value;
    const found = wide.shift();
    if (found === undefined) throw reader.error(`lacks the 64-bit size of ${quote(name)}`);
    return found;
  };
  return {
    name,
    method,
    flags,
    sizeBytes: resolve(sizeBytes),
    compressedBytes: resolve(compressedBytes),
    headerOffset: resolve(headerOffset),
  };
}

/** The data of an entry begin behind its local header, whose name and extra fields may be longer than the directory's. */
function locate(file: InputFile, entry: DirectoryEntry, directoryOffset: number): StoredEntry {
  const { name, headerOffset, sizeBytes } = entry;
  const where = `has ${quote(name)}`;
  if (entry.flags & encrypted) throw damaged(file.path, `${where} encrypted`);
  if (entry.method !== 0 || entry.compressedBytes !== sizeBytes) {
    throw new QuernError('input', `${file.path}: the ZIP archive ${where} compressed, which is not supported`, {
      suggestion: 'save the checkpoint with torch.save, which stores files as they are',
    });
  }
  const headerEnd = Math.min(headerOffset + localHeaderBytes, directoryOffset);
  const header = new ByteReader(file, `the local header of ${quote(name)}`, headerOffset, headerEnd);
  if (header.uint32() !== localSignature) throw damaged(file.path, `${where} in a place where no file begins`);
  header.skip(22);
  const nameBytes = header.uint16();
  const extraBytes = header.uint16();
  const offset = header.position + nameBytes + extraBytes;
  if (offset + sizeBytes > directoryOffset) throw damaged(file.path, `${where} with more bytes than there are`);
  return { name, offset, sizeBytes };
}

/**
 * The files in a ZIP archive by name, none of them read. All must be stored without compression, as `torch.save` does:
 * nothing is ever inflated.
 */
export function readZipDirectory(file: InputFile): ReadonlyMap<string, StoredEntry> {
  if (file.sizeBytes < endBytes) throw damaged(file.path, 'is too short');
  const { offset, sizeBytes, entries } = readPlace(file);
  const reader = new ByteReader(file, 'the ZIP directory', offset, offset + sizeBytes);
  const found = new Map<string, StoredEntry>();
  for (let index = 0; index < entries; index++) {
    const entry = readEntry(reader);
    if (found.has(entry.name)) throw damaged(file.path, `has ${quote(entry.name)} twice`);
    found.set(entry.name, locate(file, entry, offset));
  }
  return found;
}
