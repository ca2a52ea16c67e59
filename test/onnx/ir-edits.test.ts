import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Graph } from '../../src/onnx/ir.js';
import type { Node, Value } from '../../src/onnx/node.js';
import { float32Scalar } from '../../src/onnx/tensor.js';
import { assertLinked } from './links.js';

type Edit = readonly [kind: number, first: number, second: number, third: number];

function pick<T>(items: readonly T[], index: number): T | undefined {
  return items[index % Math.max(1, items.length)];
}

function valuesOf(graph: Graph): Value[] {
  const own = [...graph.inputs, ...graph.initializers.values(), ...graph.nodes.flatMap(({ outputs }) => outputs)];
  const outer = graph.parent === undefined ? [] : valuesOf(graph.parent);
  return [...new Set([...own, ...outer])].filter((value) => value !== undefined);
}

function graphsOf(graph: Graph): Graph[] {
  return [graph, ...graph.nodes.flatMap(({ bodies }) => bodies.flatMap(graphsOf))];
}

/** Carries out one edit chosen by numbers. Edits that make no sense are refused with an error. */
function apply(root: Graph, serial: number, [kind, first, second, third]: Edit): void {
  const graph = pick(graphsOf(root), first) ?? root;
  const values = valuesOf(graph);
  const node = pick(graph.nodes, second);
  const value = pick(values, third);
  const edits: readonly (() => void)[] = [
    () => addNode(graph, serial, [value, pick(values, second)], third % 2 === 0 ? node : undefined),
    () => node !== undefined && graph.removeNode(node),
    () => node?.setInput(third % 4, pick(values, first)),
    () => value !== undefined && graph.replaceAllUses(value, pick(values, second) ?? value),
    () => value !== undefined && graph.addOutput(value),
    () => graph.addInitializer(graph.uniqueName('w'), float32Scalar(serial)),
    () => graph.removeUnused(),
    () => graph.sort(),
    () => node?.setAttribute('body', { type: 'graph', value: new Graph(`body ${serial}`, graph) }),
    () => value !== undefined && graph.rename(value, pick(['x', `renamed ${serial}`], second) ?? ''),
    () => value !== undefined && graph.removeOutput(value),
    () => graph.addInput(graph.uniqueName('x')),
  ];
  pick(edits, kind)?.();
}

function addNode(graph: Graph, serial: number, inputs: (Value | undefined)[], before: Node | undefined): void {
  const options = { name: `node ${serial}`, opType: 'Add', inputs, outputs: 1 + (serial % 2) };
  graph.addNode(before === undefined ? options : { ...options, before });
}

test('links stay consistent through any edits, refused ones included', () => {
  const edit = fc.tuple(fc.nat(40), fc.nat(100), fc.nat(100), fc.nat(100));
  let applied = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 10, maxLength: 60 }), (edits) => {
      const graph = new Graph('main');
      graph.addInput('x');
      for (const [serial, one] of edits.entries()) {
        try {
          apply(graph, serial, one);
          applied += 1;
        } catch (error) {
          assert.not(error instanceof TypeError || error instanceof RangeError, String(error));
          refused += 1;
        }
        assertLinked(graph);
      }
    }),
    { numRuns: 80 },
  );
  assert.ok(applied > refused, 'most edits are carried out');
  assert.ok(refused > 0, 'some edits are refused');
});

test('a graph of 60,000 nodes is rewritten node by node', () => {
  const count = 60_000;
  const graph = new Graph('main');
  const shared = graph.addInitializer('shared', float32Scalar(1));
  let last = graph.addInput('x');
  for (let index = 0; index < count; index++) {
    last = graph.addNode({ name: `node ${index}`, opType: 'Add', inputs: [last, shared], outputs: 1 }).output;
  }
  graph.addOutput(last);
  for (const node of graph.nodes) {
    const replacement = graph.addNode({
      name: graph.uniqueName('replacement'),
      opType: 'Sub',
      inputs: node.inputs,
      outputs: 1,
      before: node,
    });
    graph.replaceAllUses(node.output, replacement.output);
    graph.removeNode(node);
  }
  graph.sort();
  assert.is(graph.removeUnused(), 0);
  assert.is(graph.nodeCount, count);
  assert.is(shared.useCount, count);
  assert.ok(graph.nodes.every(({ opType }) => opType === 'Sub'));
  assert.is(graph.outputs[0]?.name, 'node 59999_output_0');
});

test.run();
