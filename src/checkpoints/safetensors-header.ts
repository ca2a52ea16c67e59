import { QuernError } from '../errors.js';
import { parseJsonObject } from '../files/json-file.js';
import { quote } from '../files/quote.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { type Checkpoint, type CheckpointTensor, type DataType, tensorByteLength } from './checkpoint.js';
import { findDuplicateKey } from './duplicate-keys.js';

const typeNames: readonly (readonly [DataType, string])[] = [
  ['float64', 'F64'],
  ['float32', 'F32'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
  ['float8_e4m3', 'F8_E4M3'],
  ['float8_e4m3fnuz', 'F8_E4M3FNUZ'],
  ['float8_e5m2', 'F8_E5M2'],
  ['float8_e5m2fnuz', 'F8_E5M2FNUZ'],
  ['float8_e8m0', 'F8_E8M0'],
  ['float6_e2m3', 'F6_E2M3'],
  ['float6_e3m2', 'F6_E3M2'],
  ['float4', 'F4'],
  ['complex64', 'C64'],
  ['int64', 'I64'],
  ['int32', 'I32'],
  ['int16', 'I16'],
  ['int8', 'I8'],
  ['uint64', 'U64'],
  ['uint32', 'U32'],
  ['uint16', 'U16'],
  ['uint8', 'U8'],
  ['bool', 'BOOL'],
];

/** The name the format gives to each data type. */
export const safetensorsTypes: ReadonlyMap<DataType, string> = new Map(typeNames);

export const metadataKey = '__metadata__';

const dataTypes: ReadonlyMap<string, DataType> = new Map(typeNames.map(([type, name]) => [name, type]));

/** What the header of a safetensors file is checked against. */
export interface HeaderContext {
  readonly path: string;
  /** Where the data begins in the file. */
  readonly dataOffset: number;
  readonly dataBytes: number;
}

function isSize(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSizeList(value: Json | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every(isSize);
}

function readTensor(name: string, entry: Json | undefined, context: HeaderContext): CheckpointTensor {
  const wrong = (what: string): QuernError =>
    new QuernError('input', `${context.path}: tensor ${quote(name)} ${what}`, {
      suggestion: 'the file is damaged or not made by a safetensors writer: download or convert it again',
    });
  if (!isJsonObject(entry)) throw wrong('is not described by an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  const dataType = typeof dtype === 'string' ? dataTypes.get(dtype) : undefined;
  if (dataType === undefined) throw wrong(`has the unknown dtype ${quote(dtype)}`);
  if (!isSizeList(shape)) throw wrong(`has the shape ${quote(shape)}, which is not a list of sizes`);
  if (!isSizeList(offsets) || offsets.length !== 2) {
    throw wrong(`has data_offsets ${quote(offsets)}, which are not two byte positions`);
  }
  const [begin = 0, end = 0] = offsets;
  if (end < begin) throw wrong(`has data_offsets ${quote(offsets)}, which end before they begin`);
  if (end > context.dataBytes) {
    throw wrong(`has data_offsets ${quote(offsets)}, but the file has only ${context.dataBytes} bytes of data`);
  }
  const byteLength = tensorByteLength(dataType, shape);
  if (byteLength !== end - begin) {
    const needed = byteLength === undefined ? 'can not be counted in bytes' : `takes ${byteLength}`;
    throw wrong(`has ${end - begin} bytes of data, but ${dataType} of shape ${quote(shape)} ${needed}`);
  }
  return { name, dataType, dims: shape, path: context.path, offset: context.dataOffset + begin, byteLength };
}

/**
 * The format leaves no byte of the data without a tensor and gives none to two: what breaks this may hide something.
 */
function checkLayout(tensors: readonly CheckpointTensor[], context: HeaderContext): void {
  const inOrder = tensors.toSorted((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let expected = context.dataOffset;
  for (const tensor of inOrder) {
    if (tensor.offset !== expected) {
      const problem = tensor.offset < expected ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw new QuernError('input', `${context.path}: tensor ${quote(tensor.name)} ${problem}`, {
        suggestion: 'the file is damaged or not made by a safetensors writer: download or convert it again',
      });
    }
    expected += tensor.byteLength;
  }
  const rest = context.dataOffset + context.dataBytes - expected;
  if (rest > 0) {
    throw new QuernError('input', `${context.path} has ${rest} bytes that belong to no tensor after the last one`, {
      suggestion: 'the file is damaged: download or convert it again',
    });
  }
}

function readMetadata(value: Json | undefined, path: string): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (!isJsonObject(value)) throw new QuernError('input', `${path}: ${metadataKey} is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw new QuernError('input', `${path}: ${metadataKey} has ${quote(key)}, which is not a text`);
    }
    metadata.set(key, text);
  }
  return metadata;
}

function parseHeader(bytes: Uint8Array, path: string): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new QuernError('input', `${path}: the header is not UTF-8 text`, {
      cause: error,
      suggestion: 'is it a safetensors file?',
    });
  }
  if (!text.startsWith('{')) {
    throw new QuernError('input', `${path}: the header does not begin with {`, {
      suggestion: 'is it a safetensors file?',
    });
  }
  const header = parseJsonObject(text, `${path}: the header`);
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw new QuernError('input', `${path}: the header has ${quote(duplicate)} twice`, {
      suggestion: 'it is not clear which of the two is meant: convert the model again',
    });
  }
  return header;
}

/** Reads the JSON header of a safetensors file. Everything in it is checked against the sizes in `context`. */
export function readSafetensorsHeader(bytes: Uint8Array, context: HeaderContext): Checkpoint {
  const { [metadataKey]: metadata, ...entries } = parseHeader(bytes, context.path);
  const tensors = Object.entries(entries).map(([name, entry]) => readTensor(name, entry, context));
  checkLayout(tensors, context);
  return {
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    metadata: readMetadata(metadata, context.path),
  };
}
