import { closeSync, openSync, writeSync } from 'node:fs';
import { type DataType, elementBits, tensorByteLength } from './checkpoint.js';
import { metadataKey, safetensorsTypes } from './safetensors-header.js';

export interface TensorToWrite {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
  /** The elements, little-endian and in row-major order: as many bytes as `dataType` and `dims` take. */
  readonly data: ArrayBufferView;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Wide elements first, then by name, so that every tensor is aligned to its element size. */
function inFileOrder(tensors: readonly TensorToWrite[]): TensorToWrite[] {
  return tensors.toSorted((a, b) => elementBits[b.dataType] - elementBits[a.dataType] || compareText(a.name, b.name));
}

function checkTensors(tensors: readonly TensorToWrite[]): void {
  const names = new Set<string>();
  for (const { name, dataType, dims, data } of tensors) {
    if (name === metadataKey) throw new Error(`a tensor can't be called ${metadataKey}`);
    if (names.has(name)) throw new Error(`two tensors are called ${name}`);
    names.add(name);
    const expected = tensorByteLength(dataType, dims);
    if (data.byteLength !== expected) {
      throw new Error(
        `tensor ${name}, ${dataType} [${dims}], takes ${expected} bytes and was given ${data.byteLength}`,
      );
    }
  }
}

/** The header with its length in front, padded with spaces so that the data begins at a multiple of 8. */
function encodeHeader(tensors: readonly TensorToWrite[], metadata: ReadonlyMap<string, string>): Buffer {
  const entries: [string, object][] = [];
  if (metadata.size > 0) {
    const sorted = [...metadata].sort(([a], [b]) => compareText(a, b));
    entries.push([metadataKey, Object.fromEntries(sorted)]);
  }
  let offset = 0;
  for (const { name, dataType, dims, data } of tensors) {
    const end = offset + data.byteLength;
    entries.push([name, { dtype: safetensorsTypes.get(dataType), shape: dims, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return header;
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, 2 ** 30));
}

/**
 * Writes a safetensors file: the same tensors and metadata give the same bytes, in whatever order they come.
 * Two tensors of one name, or data of the wrong size, are plain errors.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: ReadonlyMap<string, string> = new Map(),
): void {
  const sorted = inFileOrder([...tensors]);
  checkTensors(sorted);
  const descriptor = openSync(path, 'w');
  try {
    writeFully(descriptor, encodeHeader(sorted, metadata));
    for (const { data } of sorted) {
      writeFully(descriptor, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  } finally {
    closeSync(descriptor);
  }
}
