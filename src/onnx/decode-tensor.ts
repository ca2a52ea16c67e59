import { QuernError } from '../errors.js';
import { byteLengthOf, type DataType, dataTypeOfCode, elementBits, elementCount } from './data-type.js';
import { type TensorProto, TensorProto_DataLocation } from './proto/onnx_pb.js';
import { MemoryTensor, StringTensor, type Tensor } from './tensor.js';

/** A tensor whose elements are in another file, as the model describes it: nothing but the shape is checked yet. */
export interface ExternalReference {
  readonly tensorName: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
  /** Bytes that the type and the shape ask for. */
  readonly byteLength: number;
  /** `location`, `offset` and `length` as they stand in the model. */
  readonly entries: ReadonlyMap<string, string>;
}

/** Finds the elements of an external tensor, or throws a `QuernError`. */
export type ExternalResolver = (reference: ExternalReference) => Tensor;

/** Checks a tensor of a model and takes it over. Elements that are raw bytes are not copied. */
export function decodeTensor(proto: TensorProto, resolve: ExternalResolver): Tensor {
  const { name } = proto;
  const dataType = dataTypeOfCode(proto.dataType);
  if (dataType === undefined) throw damaged(name, `has the unknown element type ${proto.dataType}`);
  if (proto.segment !== undefined) throw damaged(name, 'is stored in segments, which is not supported');
  const dims = proto.dims.map(Number);
  const byteLength = byteLengthOf(dataType, dims);
  if (byteLength === undefined) throw damaged(name, `has the impossible shape [${proto.dims.join(', ')}]`);
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    if (dataType === 'string') throw damaged(name, 'has strings in another file');
    const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
    return resolve({ tensorName: name, dataType, dims, byteLength, entries });
  }
  if (dataType === 'string') {
    if (proto.stringData.length !== elementCount(dims)) throw wrongSize(name, dims, proto.stringData.length);
    return new StringTensor(dims, decodeStrings(proto));
  }
  const data = proto.rawData.byteLength > 0 ? proto.rawData : typedData(proto, dataType);
  if (data.byteLength !== byteLength) throw wrongSize(name, dims, data.byteLength);
  return new MemoryTensor(dataType, dims, data);
}

function decodeStrings({ name, stringData }: TensorProto): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return stringData.map((bytes) => decoder.decode(bytes));
  } catch {
    throw damaged(name, 'has strings that are not UTF-8');
  }
}

/** Raw bytes of elements that are in the field for their type (the comments of `TensorProto` say which). */
function typedData(proto: TensorProto, dataType: DataType): Uint8Array {
  switch (dataType) {
    case 'float32':
    case 'complex64':
      return bytesOf(Float32Array.from(proto.floatData));
    case 'float64':
    case 'complex128':
      return bytesOf(Float64Array.from(proto.doubleData));
    case 'int64':
      return bytesOf(BigInt64Array.from(proto.int64Data));
    case 'uint64':
      return bytesOf(BigUint64Array.from(proto.uint64Data));
    case 'uint32':
      return bytesOf(Uint32Array.from(proto.uint64Data, Number));
    case 'int32':
      return bytesOf(Int32Array.from(proto.int32Data));
    default:
      // The low bits of a 32-bit number are one element, or one byte of packed elements.
      return bytesOf(
        elementBits(dataType) === 16 ? Uint16Array.from(proto.int32Data) : Uint8Array.from(proto.int32Data),
      );
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function damaged(name: string, problem: string): QuernError {
  return new QuernError('input', `tensor "${name}" ${problem}`);
}

function wrongSize(name: string, dims: readonly number[], found: number): QuernError {
  return damaged(
    name,
    `has data of the wrong size: its shape is [${dims.join(', ')}], its data has the length ${found}`,
  );
}
