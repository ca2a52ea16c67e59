import { QuernError } from '../errors.js';
import { intAttribute } from '../onnx/attribute.js';
import type { Node } from '../onnx/node.js';
import { float32Of, int8Of, type Tensor, uint8Of } from '../onnx/tensor.js';
import type { OperatorSource } from './devices/device.js';

/** The weights of a linear operator, k x n, row-major: element [depth, column] is at `depth * n + column`. */
export type OperatorWeights =
  | { readonly form: 'float32'; readonly values: Float32Array }
  /** value = code * scale, with one scale or one for each column. */
  | { readonly form: 'int8'; readonly codes: Int8Array; readonly scales: Float32Array }
  /**
   * value = (code - zero point) * scale. Codes have a byte each; scales and zero points are ceil(k / groupSize) x n, and
   * serve `groupSize` neighbours along k.
   */
  | {
      readonly form: 'groups';
      readonly codes: Uint8Array;
      readonly groupSize: number;
      readonly scales: Float32Array;
      readonly zeroPoints: Float32Array;
    };

/** The zero point of MatMulNBits where it has none. */
const middleCode = 8;

/**
 * Reads the weights of an operator whose result is that of its weights alone (not MatMulInteger,
 * whose scales are elsewhere, nor Gemm, which adds a bias).
 */
export function readOperatorWeights({ node, operator }: Pick<OperatorSource, 'node' | 'operator'>): OperatorWeights {
  switch (node.opType) {
    case 'MatMul':
      return { form: 'float32', values: float32Of(constantOf(node, 1)) };
    case 'MatMulNBits':
      return readGroups(node, operator.k, operator.n);
    default:
      return { form: 'int8', codes: int8Of(constantOf(node, 1)), scales: float32Of(constantOf(node, 2)) };
  }
}

/** MatMulNBits: codes [n, groups, groupSize / 2], two a byte; scales [n, groups]; zero points packed likewise, or floats. */
function readGroups(node: Node, k: number, n: number): OperatorWeights {
  const groupSize = intAttribute(node.attributes, 'block_size');
  if (groupSize === undefined) throw new Error(`MatMulNBits node ${node.name} has no attribute block_size`);
  const groups = Math.ceil(k / groupSize);
  const packed = uint8Of(sized(node, constantOf(node, 1), (n * groups * groupSize) / 2));
  const codes = new Uint8Array(k * n);
  const columnBytes = (groups * groupSize) / 2;
  for (let column = 0; column < n; column++) {
    for (let depth = 0; depth < k; depth++) {
      codes[depth * n + column] = halfByte(packed, column * columnBytes, depth);
    }
  }
  const scales = transpose(float32Of(sized(node, constantOf(node, 2), n * groups * 4)), n, groups);
  return { form: 'groups', codes, groupSize, scales, zeroPoints: readZeroPoints(node, n, groups) };
}

/** Groups x n. */
function readZeroPoints(node: Node, n: number, groups: number): Float32Array {
  const tensor = node.inputs[3]?.initializer;
  if (tensor === undefined) return new Float32Array(groups * n).fill(middleCode);
  if (tensor.dataType === 'float32') return transpose(float32Of(sized(node, tensor, n * groups * 4)), n, groups);
  const columnBytes = Math.ceil(groups / 2);
  const packed = uint8Of(sized(node, tensor, n * columnBytes));
  return Float32Array.from({ length: groups * n }, (_, index) => {
    return halfByte(packed, (index % n) * columnBytes, Math.floor(index / n));
  });
}

function halfByte(packed: Uint8Array, start: number, index: number): number {
  const byte = packed[start + (index >> 1)]!;
  return index % 2 === 0 ? byte & 15 : byte >> 4;
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  }
  return result;
}

function constantOf(node: Node, index: number): Tensor {
  const tensor = node.requireInput(index).initializer;
  if (tensor === undefined) throw new Error(`input ${index} of ${node.opType} node ${node.name} is not a constant`);
  return tensor;
}

/** Sizes come from attributes of a model file, so they are checked. */
function sized(node: Node, tensor: Tensor, byteLength: number): Tensor {
  if (tensor.byteLength === byteLength) return tensor;
  throw new QuernError(
    'input',
    `${node.opType} node ${node.name} has a constant of ${tensor.byteLength} bytes where its attributes say ${byteLength}`,
  );
}
