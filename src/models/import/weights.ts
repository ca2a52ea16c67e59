import type { CheckpointTensor } from '../../checkpoints/checkpoint.js';
import { elementDecoder } from '../../checkpoints/element-decoders.js';
import { transposeColumns } from '../../numerics/transpose.js';
import { elementCount } from '../../onnx/data-type.js';
import { FileTensor, LazyTensor, StreamedTensor, type Tensor } from '../../onnx/tensor.js';
import { ConvertedTensor } from '../converted-tensor.js';

const floatTypes = ['float32', 'float16', 'bfloat16', 'float64'] as const;

/** Whether a tensor of this type is read as float32. */
export function isFloatType(dataType: string): boolean {
  return floatTypes.some((type) => type === dataType);
}

/**
 * A floating-point tensor of a graph as float32; tensors of other types stay as they are. Values are read when they are
 * asked for and are never the file of the graph itself, which may change.
 */
export function float32Weight(tensor: Tensor, name: string): Tensor {
  if (!isFloatType(tensor.dataType)) {
    return tensor instanceof FileTensor
      ? new StreamedTensor(tensor.dataType, tensor.dims, () => tensor.chunks(2 ** 22))
      : tensor;
  }
  const source = fileTensor(tensor, name);
  if (source !== undefined) return new ConvertedTensor({ form: 'plain', tensor: source, offset: 0 });
  if (tensor.dataType === 'float32') return tensor;
  return new LazyTensor('float32', tensor.dims, () => bytesOf(decoded(tensor)));
}

/** Weights that are no floats in another shape, which a constant says; `undefined` where it leaves sizes open. */
export function reshapedWeight(tensor: Tensor, shape: Tensor): Tensor | undefined {
  if (isFloatType(tensor.dataType) || shape.dataType !== 'int64') return undefined;
  const dims = Array.from(new BigInt64Array(Uint8Array.from(shape.bytes()).buffer), Number);
  if (elementCount(dims) !== elementCount(tensor.dims)) return undefined;
  return tensor instanceof FileTensor
    ? new StreamedTensor(tensor.dataType, dims, () => tensor.chunks(2 ** 22))
    : new LazyTensor(tensor.dataType, dims, () => tensor.bytes());
}

/** The transpose of a floating-point matrix as float32. */
export function transposedWeight(tensor: Tensor, name: string): Tensor {
  const [rows = 0, columns = 0] = tensor.dims;
  const source = fileTensor(tensor, name);
  if (source !== undefined) {
    return new ConvertedTensor({ form: 'transposed', tensor: source, rows: { first: 0, count: rows } });
  }
  return new LazyTensor('float32', [columns, rows], () => {
    const target = new Float32Array(rows * columns);
    transposeColumns(decoded(tensor), columns, 0, target);
    return bytesOf(target);
  });
}

/** A tensor in a file as the readers of checkpoints know it. */
function fileTensor(tensor: Tensor, name: string): CheckpointTensor | undefined {
  const dataType = floatTypes.find((type) => type === tensor.dataType);
  if (!(tensor instanceof FileTensor) || dataType === undefined) return undefined;
  const { dims, path, offset, byteLength } = tensor;
  return { name, dataType, dims, path, offset, byteLength };
}

function decoded(tensor: Tensor): Float32Array {
  const dataType = floatTypes.find((type) => type === tensor.dataType);
  const decoder = dataType === undefined ? undefined : elementDecoder(dataType);
  if (decoder === undefined) throw new Error(`a ${tensor.dataType} tensor is no weight`);
  const values = new Float32Array(tensor.byteLength / decoder.bytes);
  decoder.decode(Uint8Array.from(tensor.bytes()).buffer, values);
  return values;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
