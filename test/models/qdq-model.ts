import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import type { Value } from '../../src/onnx/node.js';
import { MemoryTensor, tensorFrom } from '../../src/onnx/tensor.js';
import { randomCodes } from '../runtime/operator-fixtures.js';

export interface QdqOptions {
  readonly quantizesActivations?: boolean;
  readonly quantizesResult?: boolean;
  readonly hasZeroPoints?: boolean;
  readonly constantWeights?: boolean;
}

const size = 64;

/** Two products of 64 x 64 int8 weights one after the other, x [batch, sequence, 64] -> y, each between QDQ nodes. */
export function quantizedChain(options: QdqOptions = {}): Model {
  const { quantizesActivations = true, quantizesResult = true, hasZeroPoints = true, constantWeights = true } = options;
  const graph = new Graph('qdq');
  const node = (opType: string, name: string, inputs: readonly Value[]): Value =>
    graph.addNode({ opType, name, inputs, outputs: [name] }).output;
  const parameters = (name: string, scale: number, type: 'uint8' | 'int8', zeroPoint: number): Value[] => {
    const scaleValue = graph.addInitializer(`${name}_scale`, tensorFrom('float32', [], Float32Array.of(scale)));
    if (!hasZeroPoints && type === 'int8') return [scaleValue];
    const tensor = new MemoryTensor(type, [], Uint8Array.of(zeroPoint));
    return [scaleValue, graph.addInitializer(`${name}_zero_point`, tensor)];
  };
  const through = (name: string, value: Value, output: string, scale: number): Value => {
    const constants = parameters(name, scale, 'uint8', 128);
    const quantized = node('QuantizeLinear', `${name}_quantized`, [value, ...constants]);
    return node('DequantizeLinear', output, [quantized, ...constants]);
  };
  const product = (name: string, input: Value, output: string, scale: number): Value => {
    const left = quantizesActivations ? through(`${name}_x`, input, `${name}_x_float`, scale) : input;
    const codes = graph.addInitializer(`${name}_codes`, tensorFrom('int8', [size, size], randomCodes(size * size, 5)));
    const source = constantWeights ? codes : node('Identity', `${name}_computed`, [codes]);
    const right = node('DequantizeLinear', `${name}_w`, [source, ...parameters(`${name}_weights`, 0.01, 'int8', 0)]);
    if (!quantizesResult)
      return graph.addNode({ opType: 'MatMul', name, inputs: [left, right], outputs: [output] }).output;
    return through(`${name}_y`, node('MatMul', name, [left, right]), output, 10 * scale);
  };
  const x = graph.addInput('x', { dataType: 'float32', shape: ['batch', 'sequence', size] });
  graph.addOutput(product('second', product('first', x, 'middle', 1 / 128), 'y', 1 / 12.8));
  return new Model({ graph, opsets: new Map([['', 20]]) });
}
