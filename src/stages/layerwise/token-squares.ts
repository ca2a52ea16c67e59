import { int } from '../../onnx/attribute.js';
import type { Graph } from '../../onnx/ir.js';
import type { Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';

/**
 * Makes a graph give, under a name, the sum of squares of each token of a value [..., tokens, channels]: float32 [tokens].
 * What is summed over tokens is summed outside, in float64.
 */
export function addTokenSquares(graph: Graph, name: string, value: Value): void {
  const constant = 'token_squares/last';
  const last = graph.value(constant) ?? graph.addInitializer(constant, int64Vector([-1]));
  const add = (opType: string, output: string, inputs: readonly Value[], attributes = {}): Value =>
    graph.addNode({ opType, name: output, inputs, outputs: [output], attributes }).output;
  const sums = add('ReduceSumSquare', `${name}/sums`, [value, last], { keepdims: int(0) });
  const squares = add('Reshape', name, [sums, last]);
  squares.type = { dataType: 'float32', shape: ['tokens'] };
  graph.addOutput(squares);
}
