import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeModel } from '../../src/onnx/encode-model.js';
import type { Graph } from '../../src/onnx/ir.js';
import type { Model } from '../../src/onnx/model.js';
import type { Node } from '../../src/onnx/node.js';
import { extractSubgraph } from '../../src/onnx/subgraph.js';
import { describeModel } from './describe-model.js';
import { assertLinked } from './links.js';
import { rows, sampleModel } from './sample-model.js';

function nodesNamed(model: Model, ...names: string[]): Node[] {
  return names.map((name) => {
    const node = model.graph.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  });
}

function interfaceOf(graph: Graph): unknown {
  const names = (values: Iterable<{ readonly name: string }>): string[] => Array.from(values, ({ name }) => name);
  return {
    inputs: names(graph.inputs),
    outputs: names(graph.outputs),
    initializers: [...graph.initializers.keys()],
    nodes: names(graph.nodes),
  };
}

test('one node becomes a model with its weights, types and no functions', () => {
  const model = sampleModel();
  const before = describeModel(model);
  const part = extractSubgraph(model, nodesNamed(model, 'layers.1'));
  assert.equal(interfaceOf(part.graph), {
    inputs: ['scaled'],
    outputs: ['layers.1_output_0'],
    initializers: ['layers/1:weight'],
    nodes: ['layers.1'],
  });
  assert.is(
    part.graph.initializers.get('layers/1:weight')?.initializer,
    model.graph.initializers.get('layers/1:weight')?.initializer,
  );
  assert.equal(part.graph.outputs[0]?.type, rows);
  assert.equal(part.functions, []);
  assert.equal(part.opsets, model.opsets);
  assert.equal(describeModel(model), before, 'the source does not change');
  assertLinked(part.graph);
});

test('nodes in any order are sorted; values between them are no outputs', () => {
  const model = sampleModel();
  const part = extractSubgraph(model, nodesNamed(model, 'layers.1', 'layers.0', 'scale'));
  assert.equal(interfaceOf(part.graph), {
    inputs: ['x'],
    outputs: ['layers.1_output_0'],
    initializers: ['layers/1:weight', 'layers.0.weight', 'half'],
    nodes: ['layers.0', 'scale', 'layers.1'],
  });
  assert.equal(
    part.functions.map(({ name }) => name),
    ['Scale'],
  );
  assertLinked(part.graph);
});

test('what a subgraph of a node reads becomes an input, and its weights come along', () => {
  const model = sampleModel();
  const part = extractSubgraph(model, nodesNamed(model, 'choice'));
  assert.equal(interfaceOf(part.graph), {
    inputs: ['choose', 'layers.1_output_0'],
    outputs: ['y'],
    initializers: [],
    nodes: ['choice'],
  });
  const branch = part.graph.nodes[0]?.bodies[0];
  assert.equal([...(branch?.initializers.keys() ?? [])], ['branch.weight']);
  assert.is(branch?.owner, part.graph.nodes[0]);
  assertLinked(part.graph);
});

test('a value that a subgraph outside reads is an output', () => {
  const model = sampleModel();
  const part = extractSubgraph(model, nodesNamed(model, 'scale', 'layers.1'));
  assert.equal(
    part.graph.outputs.map(({ name }) => name),
    ['layers.1_output_0'],
  );
  const whole = extractSubgraph(model, nodesNamed(model, 'layers.1', 'choice'));
  assert.equal(
    whole.graph.outputs.map(({ name }) => name),
    ['y'],
  );
});

test('all nodes of a model give the model', () => {
  const model = sampleModel();
  const part = extractSubgraph(model, model.graph.nodes);
  assert.equal(interfaceOf(part.graph), interfaceOf(model.graph));
  part.metadata.set('purpose', 'tests');
  assert.equal(encodeModel(part), encodeModel(model));
});

test('nodes of two graphs, or none, are an error', () => {
  const model = sampleModel();
  const [choice] = nodesNamed(model, 'choice');
  const inner = choice?.bodies[0]?.nodes[0];
  assert.ok(choice !== undefined && inner !== undefined);
  assert.throws(() => extractSubgraph(model, [choice, inner]), /in another graph/);
  assert.throws(() => extractSubgraph(model, []), /at least one node/);
  const part = extractSubgraph(model, [inner]);
  assert.equal(interfaceOf(part.graph), {
    inputs: ['layers.1_output_0'],
    outputs: ['branch_output_0'],
    initializers: ['branch.weight'],
    nodes: ['branch'],
  });
});

test.run();
