import { float, int, tensor } from '../onnx/attribute.js';
import type { Model } from '../onnx/model.js';
import type { Value } from '../onnx/node.js';
import { tensorFrom } from '../onnx/tensor.js';
import { defineFunction } from './functions.js';

export const quantizedMatMulType = 'DynamicQuantizedMatMul';

/** Smallest normal float32. It keeps the scale of all-zero activations from being zero. */
const smallestScale = 2 ** -126;
const uint8Type = 2;
const float32Type = 1;

/**
 * Makes sure that a model has the function `quern.DynamicQuantizedMatMul`, the product of AMD's QLinear:
 *
 *     xs = max(|x|) / 128                                  over all of x
 *     q  = clip(round_half_to_even(x / xs), -128, 127)     int8
 *     y  = float32(q W) * (xs * ws)                        the product exact in int32
 *
 * The int8 values are held as uint8 with zero point 128, which is the same integer product: ONNX Runtime has a fast kernel
 * for that, and breaks its own fusion of the int8 one.
 *
 * Inputs: x float32 [..., K], W int8 [K, N], ws float32 [] or [N]. Output: y float32 [..., N]. As a function of the model it
 * stays one node with the name of its module, and ONNX Runtime inlines it.
 */
export function defineQuantizedMatMul(model: Model): void {
  defineFunction(model, quantizedMatMulType, ({ body }, node) => {
    const x = body.addInput('x');
    const weight = body.addInput('weight');
    const weightScale = body.addInput('weight_scale');
    const constant = (output: string, value: number): Value =>
      node('Constant', output, [], { value_float: float(value) });

    const largest = node('ReduceMax', 'largest', [node('Abs', 'magnitudes', [x])], { keepdims: int(0) });
    const quotient = node('Div', 'quotient', [largest, constant('levels', 128)]);
    const scale = node('Max', 'scale', [quotient, constant('smallest_scale', smallestScale)]);
    const rounded = node('Round', 'rounded', [node('Div', 'scaled', [x, scale])]);
    const clipped = node('Clip', 'clipped', [rounded, constant('lowest', -128), constant('highest', 127)]);
    const shifted = node('Add', 'shifted', [clipped, constant('shift', 128)]);
    const quantized = node('Cast', 'quantized', [shifted], { to: int(uint8Type) });
    const zeroPoint = node('Constant', 'zero_point', [], {
      value: tensor(tensorFrom('uint8', [], Uint8Array.of(128))),
    });
    const accumulated = node('MatMulInteger', 'accumulated', [quantized, weight, zeroPoint]);
    const product = node('Cast', 'product', [accumulated], { to: int(float32Type) });
    const outputScale = node('Mul', 'output_scale', [scale, weightScale]);
    body.addOutput(node('Mul', 'y', [product, outputScale]));
  });
}
