import { QuernError } from '../errors.js';
import { ByteReader } from '../files/byte-reader.js';
import { type InputFile, withInputFile } from '../files/input-file.js';
import { quote } from '../files/quote.js';
import { type BlockType, type CheckpointTensor, type DataType, tensorByteLength } from './checkpoint.js';
import { type GgufMetadata, readGgufMetadata } from './gguf-metadata.js';

/** A GGUF file as it is: its own names of tensors, its own metadata. */
export interface GgufFile {
  readonly path: string;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
}

/** `enum ggml_type` of ggml.h, as far as it can be read. */
const tensorTypes: ReadonlyMap<number, DataType | BlockType> = new Map([
  [0, 'float32'],
  [1, 'float16'],
  [2, 'q4_0'],
  [3, 'q4_1'],
  [6, 'q5_0'],
  [7, 'q5_1'],
  [8, 'q8_0'],
  [12, 'q4_k'],
  [13, 'q5_k'],
  [14, 'q6_k'],
  [24, 'int8'],
  [25, 'int16'],
  [26, 'int32'],
  [27, 'int64'],
  [28, 'float64'],
  [30, 'bfloat16'],
]);

/** Names of the types that can't be read, so that a message can say what the user has. */
const unsupportedTypes: ReadonlyMap<number, string> = new Map([
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [29, 'IQ1_M'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
]);

interface TensorEntry {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly number[];
  /** From the beginning of the data. */
  readonly offset: bigint;
}

const maximumHeaderBytes = 64 * 1024 * 1024;
const defaultAlignment = 32;
const maximumAlignment = 1024 * 1024;
/** `GGML_MAX_DIMS` */
const maximumRank = 4;
/** Of tensors, and of key-value pairs: far more than any model has. */
const maximumCount = 100_000n;
const supportedVersions = [2, 3];

function readEntry(reader: ByteReader): TensorEntry {
  const name = reader.text(reader.uint64());
  if (name === '') throw reader.error('has a tensor without a name');
  const rank = reader.uint32();
  if (rank > maximumRank) throw reader.error(`has tensor ${quote(name)} of ${rank} dimensions`);
  // The first dimension is the one whose elements are neighbours.
  const dims = Array.from({ length: rank }, () => Number(reader.uint64())).reverse();
  return { name, dims, type: reader.uint32(), offset: reader.uint64() };
}

function readEntries(reader: ByteReader, count: bigint): TensorEntry[] {
  if (count > maximumCount) throw reader.error(`has ${count} tensors, which is too many`);
  return Array.from({ length: Number(count) }, () => readEntry(reader));
}

function checkStart(reader: ByteReader, path: string): void {
  const magic = reader.remaining >= 4 ? Buffer.from(reader.bytes(4)).toString('latin1') : '';
  if (magic === 'GGUF') {
    const version = reader.uint32();
    if (supportedVersions.includes(version)) return;
    throw reader.error(`is of version ${version} of the format; ${supportedVersions.join(' and ')} are supported`);
  }
  const isPointer = magic === 'vers';
  throw new QuernError(
    'input',
    isPointer ? `${path} is a Git LFS pointer, not the weights` : `${path} is no GGUF file`,
    {
      suggestion: isPointer ? 'fetch them with `git lfs pull`' : 'it does not begin with GGUF: is it something else?',
    },
  );
}

function alignmentOf(metadata: GgufMetadata, path: string): number {
  const alignment = metadata.get('general.alignment') ?? defaultAlignment;
  const isPower = typeof alignment === 'number' && alignment >= 8 && Number.isInteger(Math.log2(alignment));
  if (isPower && alignment <= maximumAlignment) return alignment;
  throw new QuernError('input', `${path}: general.alignment is not a power of two from 8 to ${maximumAlignment}`);
}

function describeTensor(entry: TensorEntry, dataOffset: number, file: InputFile): CheckpointTensor {
  const { name, type, dims } = entry;
  const wrong = (problem: string, suggestion = 'the file is damaged or was cut off: download it again'): QuernError =>
    new QuernError('input', `${file.path}: tensor ${quote(name)} ${problem}`, { suggestion });
  const dataType = tensorTypes.get(type);
  if (dataType === undefined) {
    throw wrong(
      `is of type ${unsupportedTypes.get(type) ?? type}, which is not supported`,
      'take a file in F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q5_0, Q5_1, Q4_0 or Q4_1',
    );
  }
  const byteLength = tensorByteLength(dataType, dims);
  if (byteLength === undefined) throw wrong(`has the impossible shape ${quote(dims)} for ${dataType}`);
  if (entry.offset + BigInt(byteLength) > BigInt(Math.max(0, file.sizeBytes - dataOffset))) {
    throw wrong(`takes ${byteLength} bytes at ${entry.offset} of the data, more than the file has`);
  }
  return { name, dataType, dims, path: file.path, offset: dataOffset + Number(entry.offset), byteLength };
}

/** Opens a GGUF file (versions 2 and 3). Only its header is read, every length in it is checked against the file. */
export function openGguf(path: string): GgufFile {
  return withInputFile(path, (file) => {
    const reader = new ByteReader(file, 'the GGUF header', 0, Math.min(file.sizeBytes, maximumHeaderBytes));
    checkStart(reader, path);
    const tensorCount = reader.uint64();
    const metadataCount = reader.uint64();
    if (metadataCount > maximumCount) throw reader.error(`has ${metadataCount} values, which is too many`);
    const metadata = readGgufMetadata(reader, metadataCount);
    const entries = readEntries(reader, tensorCount);
    const alignment = alignmentOf(metadata, path);
    const dataOffset = Math.ceil(reader.position / alignment) * alignment;
    const tensors = new Map<string, CheckpointTensor>();
    for (const entry of entries) {
      if (tensors.has(entry.name)) throw reader.error(`has tensor ${quote(entry.name)} twice`);
      tensors.set(entry.name, describeTensor(entry, dataOffset, file));
    }
    return { path, metadata, tensors };
  });
}
