import { bfloat16ToFloat32, float32ToBfloat16 } from '../../../numerics/half.js';
import { tensorFromFloat32 } from '../../../onnx/tensor.js';
import { type OperatorWeights, readOperatorWeights } from '../../operator-weights.js';
import type { OperatorSource, PreparedOperator } from '../device.js';
import { depthTiles, KernelGraph } from './kernel-graph.js';

/** ONNX's numbers of data types. */
const [float32Type, bfloat16Type] = [1, 16];

/** The bfloat16 nearest to a float32, ties to even, as a float32. */
export function roundToBfloat16(value: number): number {
  return bfloat16ToFloat32(float32ToBfloat16(value));
}

/**
 * Weights as the bfloat16 kernels see them: group weights are (code - zero point) * scale, with the scale rounded to
 * bfloat16 and the product rounded again; float weights are rounded once. `k` x `n`.
 */
export function bfloat16Weights(weights: OperatorWeights, n: number): Float32Array {
  if (weights.form === 'float32') return weights.values.map(roundToBfloat16);
  if (weights.form !== 'groups') throw new Error('bfloat16 kernels take no int8 weights');
  const { codes, groupSize, zeroPoints } = weights;
  const scales = weights.scales.map(roundToBfloat16);
  const values = new Float32Array(codes.length);
  for (let start = 0, depth = 0; start < codes.length; start += n, depth++) {
    const group = Math.floor(depth / groupSize) * n;
    for (let column = 0; column < n; column++) {
      const steps = codes[start + column]! - zeroPoints[group + column]!;
      values[start + column] = roundToBfloat16(Math.fround(steps * scales[group + column]!));
    }
  }
  return values;
}

/**
 * Opens the product of a kernel with bfloat16 operands and float32 accumulators:
 *
 *     y = sum over dispatches along k, in order, of (sum over blocks of 256 along k, in order, of a chain of
 *         multiply-adds in order of k that starts at 0)
 *
 * Products of two bfloat16 are exact in float32, so fused and separate multiply-adds are the same. AMD pins no order; this
 * one is that of ONNX Runtime's MatMul with constant weights, for any number of rows and threads.
 */
export function openBfloat16Kernel(source: OperatorSource, tileDepth: number): PreparedOperator {
  const { k, n } = source.operator;
  const values = bfloat16Weights(readOperatorWeights(source), n);
  const graph = new KernelGraph(source);
  const rounded = graph.cast(graph.cast(graph.input, bfloat16Type), float32Type);
  const parts = depthTiles(k, tileDepth).map((tile) => {
    const weights = tensorFromFloat32([tile.end - tile.start, n], values.subarray(tile.start * n, tile.end * n));
    return graph.node('MatMul', [graph.slice(rounded, tile), graph.constant('weights', weights)]);
  });
  return graph.open(graph.add(parts));
}
