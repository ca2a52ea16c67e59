import { elementBits } from '../onnx/data-type.js';
import { float32Of, LazyTensor, type Tensor } from '../onnx/tensor.js';

/** Tensors one behind the other along their first dimension. It is computed when it is written. */
export function concatTensors(tensors: readonly Tensor[]): Tensor {
  const {
    dataType,
    dims: [, ...inner],
  } = firstOf(tensors);
  const length = tensors.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0);
  return new LazyTensor(dataType, [length, ...inner], () => Buffer.concat(tensors.map((tensor) => tensor.bytes())));
}

/** Matrices [rows, columns] side by side. It is computed when it is written. */
export function concatColumns(tensors: readonly Tensor[], rows: number): Tensor {
  const { dataType } = firstOf(tensors);
  const columns = tensors.map(({ dims }) => dims[1] ?? 0);
  const total = columns.reduce((sum, count) => sum + count, 0);
  const elementBytes = elementBits(dataType) / 8;
  return new LazyTensor(dataType, [rows, total], () => {
    const result = new Uint8Array(rows * total * elementBytes);
    let first = 0;
    for (const [index, tensor] of tensors.entries()) {
      const bytes = tensor.bytes();
      const rowBytes = columns[index]! * elementBytes;
      for (let row = 0; row < rows; row++) {
        result.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), row * total * elementBytes + first);
      }
      first += rowBytes;
    }
    return result;
  });
}

/** The scales of all columns, float32, where some matrices have one for all of theirs. */
export function repeatedScales(parts: readonly { readonly scale: Tensor; readonly columns: number }[]): Uint8Array {
  const scales = parts.flatMap(({ scale, columns }) => {
    const values = float32Of(scale);
    return values.length === columns ? [...values] : new Array<number>(columns).fill(values[0]!);
  });
  return new Uint8Array(Float32Array.from(scales).buffer);
}

function firstOf(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new Error('there are no tensors to join');
  return first;
}
