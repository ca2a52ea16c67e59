import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { int } from '../../src/onnx/attribute.js';
import { Graph } from '../../src/onnx/ir.js';
import type { Node, Value } from '../../src/onnx/node.js';
import { CycleError } from '../../src/onnx/order.js';
import { float32Scalar } from '../../src/onnx/tensor.js';
import { assertLinked } from './links.js';

function unary(graph: Graph, name: string, input: Value | undefined, before?: Node): Node {
  const options = { name, opType: 'Relu', inputs: [input], outputs: 1 };
  return graph.addNode(before === undefined ? options : { ...options, before });
}

function names(nodes: readonly Node[]): string[] {
  return nodes.map(({ name }) => name);
}

/** x -> a -> b -> output, with an `If` whose branch reads the output of a. */
function graphWithBranch(): { graph: Graph; a: Node; b: Node; branch: Graph; inner: Node; choice: Node } {
  const graph = new Graph('main');
  const x = graph.addInput('x');
  const condition = graph.addInput('condition');
  const a = unary(graph, 'a', x);
  const b = unary(graph, 'b', a.output);
  const branch = new Graph('branch', graph);
  const inner = unary(branch, 'inner', a.output);
  branch.addOutput(inner.output);
  const choice = graph.addNode({
    name: 'choice',
    opType: 'If',
    inputs: [condition],
    outputs: ['chosen'],
    attributes: { then_branch: { type: 'graph', value: branch } },
  });
  graph.addOutput(choice.output);
  graph.addOutput(b.output);
  return { graph, a, b, branch, inner, choice };
}

test('a node reads its inputs and computes its outputs', () => {
  const graph = new Graph('main');
  const x = graph.addInput('x', { dataType: 'float32', shape: ['batch', 4] });
  const node = graph.addNode({
    name: 'split',
    opType: 'Split',
    inputs: [x, undefined, x],
    outputs: ['left', '', 'right'],
    attributes: { axis: int(1) },
  });
  assert.equal(
    x.uses.map(({ node: user, index }) => [user.name, index]),
    [
      ['split', 0],
      ['split', 2],
    ],
  );
  assert.equal(
    node.outputs.map((output) => output?.name),
    ['left', undefined, 'right'],
  );
  assert.is(graph.value('left')?.producer, node);
  assertLinked(graph);
});

test('the name of the ONNX domain is normalised', () => {
  const node = new Graph('main').addNode({ name: 'n', opType: 'Relu', domain: 'ai.onnx', inputs: [], outputs: 0 });
  assert.is(node.domain, '');
});

test('changing an input moves the use', () => {
  const graph = new Graph('main');
  const x = graph.addInput('x');
  const y = graph.addInput('y');
  const node = unary(graph, 'n', x);
  node.setInput(0, y);
  node.setInput(2, y);
  assert.is(x.useCount, 0);
  assert.equal(
    y.uses.map(({ index }) => index),
    [0, 2],
  );
  assert.is(node.inputs[1], undefined);
  assertLinked(graph);
});

test('values of another graph are refused', () => {
  const foreign = new Graph('other').addInput('x');
  const graph = new Graph('main');
  graph.addInput('x');
  const node = unary(graph, 'n', undefined);
  assert.throws(() => node.setInput(0, foreign), /not visible/);
  assert.throws(() => unary(graph, 'm', foreign), /not visible/);
  assert.throws(() => graph.addOutput(foreign), /not a value of graph/);
  assert.is(graph.nodeCount, 1);
  assert.is(foreign.useCount, 0);
});

test('a name is used once in a graph and those around it', () => {
  const { graph, branch } = graphWithBranch();
  assert.throws(() => graph.addInput('x'), /can't be the name/);
  assert.throws(() => branch.addInput('x'), /can't be the name/);
  assert.throws(() => graph.addInput(''), /can't be the name/);
  assert.throws(() => graph.addNode({ name: 'n', opType: 'Split', inputs: [], outputs: ['s', 's'] }), /same name/);
  assert.is(graph.nodeCount, 3);
  assertLinked(graph);
});

test('unique names avoid values and nodes of every nested graph', () => {
  const { graph } = graphWithBranch();
  assert.is(graph.uniqueName('free'), 'free');
  assert.is(graph.uniqueName('inner'), 'inner_1');
  assert.is(graph.uniqueName('inner_output_0'), 'inner_output_0_1');
  assert.is(graph.uniqueName(''), '_1');
  graph.addInput('x_1');
  assert.is(graph.uniqueName('x'), 'x_2');
});

test('nodes are inserted before others', () => {
  const graph = new Graph('main');
  const x = graph.addInput('x');
  const last = unary(graph, 'last', x);
  const first = unary(graph, 'first', x, last);
  unary(graph, 'middle', first.output, last);
  assert.equal(names(graph.nodes), ['first', 'middle', 'last']);
  assertLinked(graph);
});

test('a list of nodes does not change with the graph', () => {
  const graph = new Graph('main');
  unary(graph, 'a', undefined);
  const nodes = graph.nodes;
  unary(graph, 'b', undefined);
  assert.equal(names(nodes), ['a']);
  assert.equal(names(graph.nodes), ['a', 'b']);
});

test('a node is removed only while nothing reads it', () => {
  const { graph, a, b } = graphWithBranch();
  assert.throws(() => graph.removeNode(a), /still used/);
  assert.throws(() => graph.removeNode(b), /still used/);
  graph.removeOutput(b.output);
  graph.removeNode(b);
  assert.ok(b.isRemoved);
  assert.throws(() => b.graph, /has been removed/);
  assert.throws(() => b.setInput(0, undefined), /has been removed/);
  assert.is(graph.value('b_output_0'), undefined);
  assertLinked(graph);
});

test('removing a node with a subgraph ends the uses of the subgraph', () => {
  const { graph, a, choice } = graphWithBranch();
  assert.is(a.output.useCount, 2);
  graph.removeOutput(choice.output);
  graph.removeNode(choice);
  assert.is(a.output.useCount, 1);
  assertLinked(graph);
});

test('replacing a subgraph ends the uses of the old one', () => {
  const { graph, a, choice, branch } = graphWithBranch();
  assert.throws(() => choice.setAttribute('else_branch', { type: 'graph', value: branch }), /can't be attribute/);
  assert.throws(() => choice.setAttribute('else_branch', { type: 'graph', value: new Graph('lost') }), /can't be/);
  const other = new Graph('other', graph);
  choice.setAttribute('then_branch', { type: 'graph', value: other });
  assert.is(a.output.useCount, 1);
  assert.is(branch.owner, undefined);
  assert.is(other.owner, choice);
  assertLinked(graph);
});

test('replacing all uses reaches subgraphs and leaves the replacement its input', () => {
  const { graph, a, b, inner, choice } = graphWithBranch();
  const wrapped = unary(graph, 'wrapped', a.output, b);
  graph.replaceAllUses(a.output, wrapped.output);
  assert.is(inner.requireInput(0), wrapped.output);
  assert.is(b.requireInput(0), wrapped.output);
  assert.is(wrapped.requireInput(0), a.output);
  const again = graph.addNode({
    name: 'again',
    opType: 'If',
    inputs: [],
    outputs: 1,
    attributes: { then_branch: { type: 'graph', value: new Graph('inside', graph) } },
  });
  const nested = unary(again.bodies[0] ?? graph, 'nested', wrapped.output);
  graph.replaceAllUses(wrapped.output, again.output);
  assert.is(nested.requireInput(0), wrapped.output, 'a body of the producer keeps its input too');
  graph.sort();
  assert.ok(graph.nodes.indexOf(again) < graph.nodes.indexOf(choice));
  assertLinked(graph);
});

test('a replaced graph output passes on its name', () => {
  const { graph, b } = graphWithBranch();
  const name = b.output.name;
  const rounded = unary(graph, 'rounded', b.output);
  graph.replaceAllUses(b.output, rounded.output);
  assert.is(graph.outputs[1], rounded.output);
  assert.is(rounded.output.name, name);
  assert.is(graph.value(name), rounded.output);
  assert.is(b.output.name, 'rounded_output_0');
  assert.is(graph.value('rounded_output_0'), b.output);
  assertLinked(graph);
});

test('a graph output is not replaced by an input, an initializer or another output', () => {
  const { graph, b, choice } = graphWithBranch();
  const constant = graph.addInitializer('one', float32Scalar(1));
  for (const value of [constant, choice.output, ...graph.inputs]) {
    assert.throws(() => graph.replaceAllUses(b.output, value), /add an Identity node/);
  }
  assertLinked(graph);
});

test('unused nodes and initializers are removed in chains and in subgraphs', () => {
  const { graph, a, branch, b } = graphWithBranch();
  const weight = graph.addInitializer('weight', float32Scalar(1));
  const first = unary(graph, 'first', weight);
  unary(graph, 'second', first.output);
  unary(branch, 'idle', a.output);
  branch.addInitializer('idle weight', float32Scalar(2));
  graph.setInitializer(graph.addInput('with default'), float32Scalar(3));
  assert.is(graph.removeUnused(), 5);
  assert.equal(names(graph.nodes), ['a', 'b', 'choice']);
  assert.equal([...graph.initializers.keys()], ['with default']);
  assert.is(graph.removeUnused(), 0);
  assert.not(b.isRemoved);
  assertLinked(graph);
});

test('sorting keeps the order that need not change and sees what subgraphs read', () => {
  const graph = new Graph('main');
  const body = new Graph('body', graph);
  const reader = graph.addNode({
    name: 'reader',
    opType: 'If',
    inputs: [],
    outputs: 1,
    attributes: { then_branch: { type: 'graph', value: body } },
  });
  const free = unary(graph, 'free', undefined);
  const source = unary(graph, 'source', undefined);
  unary(body, 'inner', source.output);
  unary(graph, 'end', free.output);
  graph.sort();
  assert.equal(names(graph.nodes), ['source', 'reader', 'free', 'end']);
  reader.setInput(0, free.output);
  graph.sort();
  assert.equal(names(graph.nodes), ['source', 'free', 'reader', 'end']);
  assertLinked(graph);
});

test('a cycle is an error and changes nothing', () => {
  const graph = new Graph('main');
  const a = unary(graph, 'a', undefined);
  const b = unary(graph, 'b', a.output);
  a.setInput(0, b.output);
  assert.throws(
    () => graph.sort(),
    (error: unknown) => error instanceof CycleError && /depends on its own output/.test(error.message),
  );
  assert.equal(names(graph.nodes), ['a', 'b']);
  assertLinked(graph);
});

test('initializers have the type of their tensor and can be renamed and replaced', () => {
  const graph = new Graph('main');
  const value = graph.addInitializer('scale', float32Scalar(2));
  assert.equal(value.type, { dataType: 'float32', shape: [] });
  graph.rename(value, 'factor');
  assert.equal([...graph.initializers.keys()], ['factor']);
  assert.is(graph.value('scale'), undefined);
  const other = float32Scalar(3);
  graph.setInitializer(value, other);
  assert.is(value.initializer, other);
  const node = unary(graph, 'n', value);
  assert.throws(() => graph.setInitializer(node.output, other), /computed/);
  assert.throws(() => graph.rename(value, 'n_output_0'), /can't be the name/);
  assertLinked(graph);
});

test('an input is removed only while nothing reads it', () => {
  const graph = new Graph('main');
  const x = graph.addInput('x');
  const node = unary(graph, 'n', x);
  assert.throws(() => graph.removeInput(x), /still used/);
  node.setInput(0, undefined);
  graph.removeInput(x);
  assert.equal(graph.inputs, []);
  assert.throws(() => graph.removeInput(node.output), /not an input/);
});

test.run();
