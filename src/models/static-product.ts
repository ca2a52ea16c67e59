import type { Node, Value } from '../onnx/node.js';

/** A MatMul of int8 weights and of activations whose scale is fixed, all written with DequantizeLinear. */
export interface StaticProduct {
  /** The activations before they are quantized. */
  readonly input: Value;
  /** What the MatMul reads of them. */
  readonly activations: Value;
  readonly activationType: 'int8' | 'uint8';
  /** Constants: int8 [K, N] with zero point 0, and float32, a scalar or [N]. */
  readonly codes: Value;
  readonly scale: Value;
}

/** The product that a MatMul is the end of, if it is one as `quantize` writes it with a static scheme. */
export function staticProductOf(node: Node): StaticProduct | undefined {
  if (node.domain !== '' || node.opType !== 'MatMul') return undefined;
  const [activations, weight] = node.inputs;
  const dequantize = producerOf(activations, 'DequantizeLinear');
  const quantize = producerOf(dequantize?.inputs[0], 'QuantizeLinear');
  const [codes, scale, zeroPoint] = producerOf(weight, 'DequantizeLinear')?.inputs ?? [];
  const [input, activationScale, activationZeroPoint] = quantize?.inputs ?? [];
  const activationType = activationZeroPoint?.initializer?.dataType;
  if (activations === undefined || input === undefined || codes === undefined || scale === undefined) return undefined;
  const isStatic = activationScale?.initializer?.dims.length === 0;
  const isMatrix = codes.initializer?.dataType === 'int8' && codes.initializer.dims.length === 2;
  const isSymmetric = zeroPoint?.initializer?.bytes().every((byte) => byte === 0) ?? true;
  const hasScale = (scale.initializer?.dims.length ?? 2) < 2;
  if (!isStatic || !isMatrix || !isSymmetric || !hasScale) return undefined;
  if (activationType !== 'int8' && activationType !== 'uint8') return undefined;
  return { input, activations, activationType, codes, scale };
}

function producerOf(value: Value | undefined, opType: string): Node | undefined {
  const node = value?.producer;
  return node?.domain === '' && node.opType === opType ? node : undefined;
}
