import * as assert from 'uvu/assert';
import type { Graph } from '../../src/onnx/ir.js';
import type { Node, Value } from '../../src/onnx/node.js';

/** Fails unless every link of a graph and its subgraphs has its counterpart. Node names have to be unique. */
export function assertLinked(graph: Graph): void {
  const values = new Set<Value>();
  const uses = collectUses(graph, values);
  for (const value of values) {
    const expected = uses.get(value) ?? new Set();
    assert.is(value.useCount, expected.size, `uses of ${value.name}`);
    for (const { node, index } of value.uses) assert.ok(expected.has(`${index} ${node.name}`));
  }
  for (const value of uses.keys()) assert.ok(values.has(value), `${value.name} is read and not in the graph`);
}

function collectUses(graph: Graph, values: Set<Value>): Map<Value, Set<string>> {
  const uses = new Map<Value, Set<string>>();
  const note = (value: Value, use: string): void => {
    const known = uses.get(value) ?? new Set();
    uses.set(value, known.add(use));
  };
  for (const value of [...graph.inputs, ...graph.outputs, ...graph.initializers.values()]) {
    assert.is(graph.value(value.name), value);
    values.add(value);
  }
  for (const [name, value] of graph.initializers) assert.is(value.name, name);
  for (const input of graph.inputs) assert.ok(input.isGraphInput);
  for (const output of graph.outputs) assert.ok(output.isGraphOutput);
  let previous: Node | undefined;
  for (const node of graph.nodes) {
    assert.is(node.graph, graph);
    assert.is(node.previous, previous);
    if (previous !== undefined) assert.is(previous.next, node);
    previous = node;
    for (const [index, input] of node.inputs.entries()) {
      if (input === undefined) continue;
      assert.is(graph.visibleValue(input.name), input);
      note(input, `${index} ${node.name}`);
    }
    for (const output of node.outputs) {
      if (output === undefined) continue;
      assert.is(output.producer, node);
      assert.is(graph.value(output.name), output);
      values.add(output);
    }
    for (const body of node.bodies) {
      assert.is(body.owner, node);
      for (const [value, inner] of collectUses(body, values)) for (const use of inner) note(value, use);
    }
  }
  assert.is(graph.nodes.length, graph.nodeCount);
  assert.is(previous?.next, undefined);
  for (const value of values) assert.is(value.isGraphOutput, value.graph.outputs.includes(value));
  return uses;
}
