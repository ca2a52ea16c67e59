import { int, intAttribute } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import type { Pass } from '../../onnx/passes.js';
import { replaceOutput } from '../../onnx/replace-output.js';
import { float32Scalar } from '../../onnx/tensor.js';

/** ONNX's number of float32, and the accuracy level of MatMulNBits that computes in it. */
const [floatType, floatLevel] = [1, 1];

/**
 * Lets quantized layers take their activations as they are: weights stay what their codes stand for. Two forms of a graph
 * whose floats differ in their last bits round some activations to other integers, and so have logits that differ by
 * percents; without rounding they can be compared.
 */
export const withoutRounding: Pass = {
  name: 'without rounding of activations',
  run: ({ graph }) => graph.nodes.map(removeRounding).some((changed) => changed),
};

function removeRounding(node: Node): boolean {
  switch (node.domain === '' ? node.opType : `${node.domain}.${node.opType}`) {
    case 'MatMulInteger':
      return floatProduct(node);
    case 'com.microsoft.DynamicQuantizeMatMul': {
      const [input, codes, scale, zeroPoint, bias] = node.inputs;
      return scaledProduct(node, input, { codes, scale, zeroPoint, bias });
    }
    case 'com.microsoft.MatMulIntegerToFloat': {
      const [activations, codes, , scale, , zeroPoint, bias] = node.inputs;
      const quantize = activations?.producer;
      const input = quantize?.opType === 'DynamicQuantizeLinear' ? quantize.inputs[0] : undefined;
      return scaledProduct(node, input, { codes, scale, zeroPoint, bias });
    }
    case 'DequantizeLinear':
      return unquantized(node);
    case 'com.microsoft.MatMulNBits':
      if ((intAttribute(node.attributes, 'accuracy_level') ?? 0) <= floatLevel) return false;
      node.setAttribute('accuracy_level', int(floatLevel));
      return true;
    default:
      return false;
  }
}

/** x (W - zero point), with 1 for the scale of x. */
function floatProduct(node: Node): boolean {
  const [activations, codes, , zeroPoint] = node.inputs;
  const quantize = activations?.producer;
  const [input, scale] = [quantize?.inputs[0], quantize?.outputs[1]];
  if (quantize?.opType !== 'DynamicQuantizeLinear' || input === undefined || codes === undefined) return false;
  const { graph } = node;
  if (scale !== undefined && scale.useCount > 0) {
    graph.replaceAllUses(scale, graph.addInitializer(graph.uniqueName('no_scale'), float32Scalar(1)));
  }
  return replaced(node, 'MatMul', [input, floatCodes(node, codes, zeroPoint)]);
}

interface ScaledWeights {
  readonly codes: Value | undefined;
  readonly scale: Value | undefined;
  readonly zeroPoint: Value | undefined;
  readonly bias: Value | undefined;
}

/** x ((W - zero point) * scale) + bias. */
function scaledProduct(
  node: Node,
  input: Value | undefined,
  { codes, scale, zeroPoint, bias }: ScaledWeights,
): boolean {
  if (input === undefined || codes === undefined || scale === undefined) return false;
  const weights = added(node, 'Mul', [floatCodes(node, codes, zeroPoint), scale]);
  if (bias === undefined) return replaced(node, 'MatMul', [input, weights]);
  return replaced(node, 'Add', [added(node, 'MatMul', [input, weights]), bias]);
}

function floatCodes(node: Node, codes: Value, zeroPoint: Value | undefined): Value {
  const asFloats = (value: Value): Value => added(node, 'Cast', [value]);
  return zeroPoint === undefined ? asFloats(codes) : added(node, 'Sub', [asFloats(codes), asFloats(zeroPoint)]);
}

/** What is quantized and then, with the same scale, made floats again. */
function unquantized(node: Node): boolean {
  const [codes, ...constants] = node.inputs;
  const quantize = codes?.producer;
  if (quantize?.opType !== 'QuantizeLinear' || quantize.domain !== '') return false;
  if (constants.some((constant, index) => constant !== quantize.inputs[index + 1])) return false;
  return replaced(node, 'Identity', [quantize.requireInput(0)]);
}

type FloatType = 'Add' | 'Cast' | 'Identity' | 'MatMul' | 'Mul' | 'Sub';

/** A new node in front of one that it takes part in replacing. */
function added(node: Node, opType: FloatType, inputs: readonly Value[], output?: string): Value {
  const { graph } = node;
  const attributes = opType === 'Cast' ? { to: int(floatType) } : {};
  const name = graph.uniqueName(`${node.name}/float`);
  return graph.addNode({ opType, name, inputs, outputs: [output ?? name], attributes, before: node }).output;
}

/** Puts a new node in the place of one. */
function replaced(node: Node, opType: FloatType, inputs: readonly Value[]): true {
  replaceOutput(node.output, `${node.output.name}/float`, (output) => added(node, opType, inputs, output));
  return true;
}
