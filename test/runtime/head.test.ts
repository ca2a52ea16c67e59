import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Graph } from '../../src/onnx/ir.js';
import type { Node, Value } from '../../src/onnx/node.js';
import { splitHead } from '../../src/runtime/head.js';
import { canReadInParts, isRowWise } from '../../src/runtime/row-wise.js';
import { couplesTokens } from '../../src/runtime/token-coupling.js';
import { nodeWith, zeroTensor } from './graphs.js';

/** A layer with a residual, an attention that has a cache as output, and what comes behind it. */
function decoderGraph(): { readonly graph: Graph; readonly nodes: readonly Node[] } {
  const graph = new Graph('decoder');
  const weights = graph.addInitializer('weights', zeroTensor('float32', 4, 4));
  const add = (opType: string, name: string, inputs: readonly Value[], outputs: readonly string[] = [name]): Value =>
    graph.addNode({ opType, name, inputs, outputs }).output;
  const embedded = add('Gather', 'embedded', [weights, graph.addInput('input_ids')]);
  const key = add('MatMul', 'key', [embedded, weights]);
  const attended = add('Attention', 'attention', [embedded, key], ['attention', 'present']);
  graph.addOutput(graph.value('present')!);
  const residual = add('Add', 'residual', [embedded, add('MatMul', 'out', [attended, weights])]);
  const logits = add('MatMul', 'logits', [add('RMSNormalization', 'norm', [residual, weights]), weights]);
  graph.addOutput(logits);
  return { graph, nodes: graph.nodes };
}

function names(nodes: readonly Node[]): string[] {
  return nodes.map(({ name }) => name);
}

test('the head is what lies behind the last attention, token by token', () => {
  const { nodes } = decoderGraph();
  const { body, head } = splitHead(nodes, () => false);
  assert.equal(names(body), ['embedded', 'key', 'attention']);
  assert.equal(names(head), ['out', 'residual', 'norm', 'logits']);
});

test('a node that stays keeps in the body all that it reads', () => {
  const { nodes } = decoderGraph();
  assert.equal(names(splitHead(nodes, ({ name }) => name === 'norm').head), ['logits']);
  assert.equal(names(splitHead(nodes, ({ name }) => name === 'logits').head), []);
});

test('products with computed weights, norms over tokens and scales of all tokens mix rows', () => {
  assert.ok(isRowWise(nodeWith('MatMul', [zeroTensor('float32', 2, 2)])));
  assert.not(isRowWise(nodeWith('MatMul', [undefined])));
  assert.ok(isRowWise(nodeWith('LayerNormalization', [zeroTensor('float32', 2)])));
  assert.not(isRowWise(nodeWith('LayerNormalization', [zeroTensor('float32', 2)], { attributes: { axis: 1 } })));
  assert.not(isRowWise(nodeWith('DynamicQuantizeLinear', [])));
  assert.not(isRowWise(nodeWith('DynamicQuantizedMatMul', [], { domain: 'quern' })));
  assert.ok(isRowWise(nodeWith('TokenQuantizedMatMul', [zeroTensor('int8', 2, 2)], { domain: 'quern' })));
  assert.ok(canReadInParts([nodeWith('Gather', []), nodeWith('Add', [undefined])]));
  assert.not(canReadInParts([nodeWith('Gather', []), nodeWith('DynamicQuantizeLinear', [])]));
});

test('tokens with a scale of their own do not depend on those that they are read with', () => {
  assert.not(couplesTokens([nodeWith('TokenQuantizedMatMul', [], { domain: 'quern' })]));
  assert.ok(couplesTokens([nodeWith('Add', []), nodeWith('DynamicQuantizedMatMul', [], { domain: 'quern' })]));
});

test.run();
