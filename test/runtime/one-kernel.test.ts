import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Graph } from '../../src/onnx/ir.js';
import type { Node, Value } from '../../src/onnx/node.js';
import { partition } from '../../src/runtime/partition.js';
import { zeroTensor } from './graphs.js';

/** Products of the same quantized activations, as ONNX Runtime's quantize_dynamic writes them. */
function quantizedLayer(products: number): readonly Node[] {
  const graph = new Graph('quantized');
  const constant = (name: string): Value => graph.addInitializer(name, zeroTensor('float32', 4));
  const add = (opType: string, name: string, inputs: readonly Value[], outputs: readonly string[] = [name]): Node =>
    graph.addNode({ opType, name, inputs, outputs });
  const quantize = add('DynamicQuantizeLinear', 'quantize', [graph.addInput('x')], ['quantized', 'scale', 'point']);
  const [quantized, scale, point] = quantize.outputs.map((value) => value!);
  for (let index = 0; index < products; index++) {
    const scales = add('Mul', `scales_${index}`, [scale!, constant(`scale_${index}`)]);
    const product = add('MatMulInteger', `product_${index}`, [quantized!, constant(`weights_${index}`), point!]);
    const cast = add('Cast', `cast_${index}`, [product.output]);
    const scaled = add('Mul', `scaled_${index}`, [cast.output, scales.output]);
    graph.addOutput(add('Add', `biased_${index}`, [scaled.output, constant(`bias_${index}`)]).output);
  }
  return graph.nodes;
}

function unitNames(nodes: readonly Node[], isOffloaded: (node: Node) => boolean = () => false): string[][] {
  return partition(nodes, isOffloaded, 'op').map((unit) => unit.nodes.map(({ name }) => name));
}

test('an integer product is one operator with its quantization', () => {
  const product = ['quantize', 'product_0', 'cast_0', 'scales_0', 'scaled_0', 'biased_0'];
  assert.equal(unitNames(quantizedLayer(1)), [product]);
});

test('activations that several products read are quantized once', () => {
  const product = (index: number) =>
    ['product', 'cast', 'scales', 'scaled', 'biased'].map((name) => `${name}_${index}`);
  assert.equal(unitNames(quantizedLayer(2)), [['quantize'], product(0), product(1)]);
});

test('what is in another part of the model stays there', () => {
  const [quantize, ...head] = quantizedLayer(1);
  assert.equal(unitNames([quantize!]), [['quantize']]);
  assert.equal(unitNames(head), [['product_0', 'cast_0', 'scales_0', 'scaled_0', 'biased_0']]);
});

test('a sigmoid and the product with what it is of are one operator', () => {
  const graph = new Graph('gate');
  const gate = graph.addInput('gate');
  const sigmoid = graph.addNode({ opType: 'Sigmoid', name: 'sigmoid', inputs: [gate], outputs: ['s'] }).output;
  graph.addNode({ opType: 'Mul', name: 'silu', inputs: [gate, sigmoid], outputs: ['y'] });
  assert.equal(unitNames(graph.nodes), [['sigmoid', 'silu']]);
  graph.addNode({ opType: 'Mul', name: 'other', inputs: [sigmoid, graph.addInput('up')], outputs: ['z'] });
  assert.equal(unitNames(graph.nodes), [['sigmoid'], ['silu'], ['other']]);
});

test('an offloaded product is alone', () => {
  const units = unitNames(quantizedLayer(1), ({ name }) => name === 'product_0');
  assert.equal(
    units.map((names) => names.length),
    [1, 1, 1, 1, 1, 1],
  );
});

test.run();
