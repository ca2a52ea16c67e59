import { int } from '../../../onnx/attribute.js';
import { float32Of, int8Of, tensorFrom } from '../../../onnx/tensor.js';
import type { OperatorSource, PreparedOperator } from '../device.js';
import { depthTiles, KernelGraph } from './kernel-graph.js';

/** ONNX's numbers of data types. */
const [float32Type, uint8Type, float64Type] = [1, 2, 11];

/** Smallest normal float32, as in the w8a8 product without requantization. */
const smallestScale = 2 ** -126;

/**
 * Opens the w8a8 product of AMD's first overlays, which narrow each accumulator to int16 before it leaves the array:
 *
 *     r = clip(round_half_to_even(accumulator / requantizeScale), -32768, 32767)    for each dispatch along k
 *     y = float32(sum of r * requantizeScale) * (activation scale * weight scale)
 *
 * The activations are quantized as in `quern.DynamicQuantizedMatMul`. `requantizeScale` is a power of two, so that only what
 * is narrowed loses anything.
 */
export function openRequantizingKernel(
  source: OperatorSource,
  tileDepth: number,
  requantizeScale: number,
): PreparedOperator {
  const { k, n } = source.operator;
  const codes = int8Of(source.node.requireInput(1).initializer!);
  const weightScale = source.node.requireInput(2).initializer!;
  const graph = new KernelGraph(source);
  const largest = graph.node('ReduceMax', [graph.node('Abs', [graph.input])], { keepdims: int(0) });
  const quotient = graph.node('Div', [largest, graph.scalar('levels', 128)]);
  const scale = graph.node('Max', [quotient, graph.scalar('smallest_scale', smallestScale)]);
  const rounded = graph.node('Round', [graph.node('Div', [graph.input, scale])]);
  const clipped = graph.node('Clip', [rounded, graph.scalar('lowest', -128), graph.scalar('highest', 127)]);
  const quantized = graph.cast(graph.node('Add', [clipped, graph.scalar('shift', 128)]), uint8Type);
  const zeroPoint = graph.constant('zero_point', tensorFrom('uint8', [], Uint8Array.of(128)));
  const wide = (name: string, value: number) => graph.constant(name, tensorFrom('float64', [], Float64Array.of(value)));
  const limits = [wide('lowest16', -32_768), wide('highest16', 32_767)];
  const outScale = wide('requantize_scale', requantizeScale);
  const parts = depthTiles(k, tileDepth).map((tile) => {
    const weights = tensorFrom('int8', [tile.end - tile.start, n], codes.subarray(tile.start * n, tile.end * n));
    const inputs = [graph.slice(quantized, tile), graph.constant('weights', weights), zeroPoint];
    const accumulated = graph.cast(graph.node('MatMulInteger', inputs), float64Type);
    const narrowed = graph.node('Clip', [graph.node('Round', [graph.node('Div', [accumulated, outScale])]), ...limits]);
    return graph.node('Mul', [narrowed, outScale]);
  });
  const product = graph.cast(graph.add(parts), float32Type);
  const scales = graph.constant('weight_scale', tensorFrom('float32', weightScale.dims, float32Of(weightScale)));
  return graph.open(graph.node('Mul', [product, graph.node('Mul', [scale, scales])]));
}
