import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { Graph } from '../../src/onnx/ir.js';
import type { Value } from '../../src/onnx/node.js';
import { int64Scalar } from '../../src/onnx/tensor.js';
import { requireDecoder } from '../../src/runtime/graph-interface.js';
import { findCachePorts } from '../../src/runtime/key-value-caches.js';
import { splitPrologue } from '../../src/runtime/prologue.js';

function decoderGraph(): {
  graph: Graph;
  ids: Value;
  mask: Value;
  node: (opType: string, name: string, ...inputs: Value[]) => Value;
} {
  const graph = new Graph('decoder');
  const ids = graph.addInput('input_ids', { dataType: 'int64' });
  const mask = graph.addInput('attention_mask', { dataType: 'int64' });
  const node = (opType: string, name: string, ...inputs: Value[]): Value =>
    graph.addNode({ opType, name, inputs, outputs: [name] }).output;
  return { graph, ids, mask, node };
}

function names(nodes: readonly { readonly name: string }[]): string[] {
  return nodes.map(({ name }) => name);
}

test('what the lengths alone decide runs first', () => {
  const { graph, ids, mask, node } = decoderGraph();
  const one = graph.addInitializer('one', int64Scalar(1));
  const sum = node('ReduceSum', 'sum', mask);
  const last = node('Sub', 'last', sum, one);
  const embedded = node('Identity', 'embedded', ids);
  const size = node('Size', 'size', ids);
  const positions = node('Range', 'positions', last, size, one);
  const rows = node('Add', 'rows', embedded, positions);
  node('Shape', 'rows_shape', rows);
  const { prologue, rest } = splitPrologue(graph);
  assert.equal(names(prologue), ['sum', 'last', 'size', 'positions']);
  assert.equal(names(rest), ['embedded', 'rows', 'rows_shape']);
});

test('a node that reads the mask beside activations is refused', () => {
  const { graph, ids, mask, node } = decoderGraph();
  node('Where', 'masked', mask, node('Identity', 'embedded', ids));
  assert.throws(
    () => splitPrologue(graph),
    (error: unknown) =>
      error instanceof QuernError && /Where node masked reads attention_mask beside/.test(error.message),
  );
});

test('caches are those of attention, and nobody else reads them', () => {
  const { graph, ids } = decoderGraph();
  const [key, value] = ['past.key', 'past.value'].map((name) => graph.addInput(name, { dataType: 'float32' }));
  graph.addNode({
    opType: 'GroupQueryAttention',
    domain: 'com.microsoft',
    name: 'attention',
    inputs: [ids, ids, ids, key, value],
    outputs: ['attended', 'new.key', 'new.value'],
  });
  assert.equal(findCachePorts(graph), [
    { past: 'past.key', present: 'new.key' },
    { past: 'past.value', present: 'new.value' },
  ]);
  graph.addNode({ opType: 'Shape', name: 'length', inputs: [key], outputs: 1 });
  assert.throws(
    () => findCachePorts(graph),
    (error: unknown) => error instanceof QuernError && /past\.key of the model is not a cache/.test(error.message),
  );
});

test('a model without the inputs and outputs of a decoder is refused', () => {
  const { graph, ids, node } = decoderGraph();
  assert.throws(() => requireDecoder(graph), /has no output logits$/);
  graph.addOutput(node('Identity', 'logits', ids));
  requireDecoder(graph);
  assert.throws(
    () => requireDecoder(new Graph('empty')),
    /has no input input_ids and no input attention_mask and no output logits$/,
  );
});

test.run();
