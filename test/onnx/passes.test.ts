import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { type Pass, runPasses } from '../../src/onnx/passes.js';

/** Removes pairs of negations: the inner one becomes unused. */
const removeDoubleNegation: Pass = {
  name: 'remove double negation',
  run: ({ graph }) => {
    let changed = false;
    for (const node of graph.nodes) {
      const inner = node.inputs[0]?.producer;
      if (node.opType !== 'Neg' || inner?.opType !== 'Neg') continue;
      for (const { node: user, index } of node.output.uses) user.setInput(index, inner.inputs[0]);
      changed = true;
    }
    return changed;
  },
};

test('passes run in order, and what they leave unused is removed', () => {
  const graph = new Graph('main');
  let value = graph.addInput('x');
  for (const opType of ['Neg', 'Neg', 'Relu']) {
    value = graph.addNode({ name: opType, opType, inputs: [value], outputs: 1 }).output;
  }
  graph.addOutput(value);
  const model = new Model({ graph, opsets: new Map([['', 24]]) });
  assert.equal(runPasses(model, [removeDoubleNegation, removeDoubleNegation]), ['remove double negation']);
  assert.equal(
    graph.nodes.map(({ opType }) => opType),
    ['Relu'],
  );
  assert.is(value.producer?.requireInput(0), graph.inputs[0]);
});

test.run();
