import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Graph } from '../../src/onnx/ir.js';
import type { Node, Value } from '../../src/onnx/node.js';
import { partition } from '../../src/runtime/partition.js';

/** Each node by the places of the nodes it reads (modulo its own place) and whether it is offloaded. */
type NodePlan = { readonly reads: readonly number[]; readonly offloaded: boolean };

const plans = fc.array(fc.record({ reads: fc.array(fc.nat(30), { maxLength: 3 }), offloaded: fc.boolean() }), {
  minLength: 1,
  maxLength: 25,
});

function buildGraph(nodePlans: readonly NodePlan[]): {
  readonly nodes: readonly Node[];
  readonly offloaded: Set<Node>;
} {
  const graph = new Graph('random');
  const input = graph.addInput('input', { dataType: 'float32' });
  const offloaded = new Set<Node>();
  const values: Value[] = [];
  for (const [place, plan] of nodePlans.entries()) {
    const read = plan.reads.map((earlier) => values[earlier % Math.max(1, place)] ?? input);
    const inputs = read.length === 0 ? [input] : read;
    const node = graph.addNode({ opType: 'Sum', name: `node_${place}`, inputs, outputs: [`value_${place}`] });
    values.push(node.output);
    if (plan.offloaded) offloaded.add(node);
  }
  return { nodes: graph.nodes, offloaded };
}

function unitsOf(nodePlans: readonly NodePlan[], granularity: 'op' | 'island') {
  const { nodes, offloaded } = buildGraph(nodePlans);
  return { nodes, offloaded, units: partition(nodes, (node) => offloaded.has(node), granularity) };
}

for (const granularity of ['op', 'island'] as const) {
  test(`${granularity}: every node is in one unit, behind all that it reads`, () => {
    fc.assert(
      fc.property(plans, (nodePlans) => {
        const { nodes, offloaded, units } = unitsOf(nodePlans, granularity);
        const done = new Set<Node>();
        for (const unit of units) {
          const own = new Set(unit.nodes);
          for (const node of unit.nodes) {
            assert.not(done.has(node));
            assert.is(unit.isOffloaded, offloaded.has(node));
            for (const { producer } of node.inputs.filter((value) => value !== undefined)) {
              assert.ok(producer === undefined || done.has(producer) || own.has(producer));
            }
          }
          for (const node of unit.nodes) done.add(node);
          if (unit.isOffloaded || granularity === 'op') assert.is(unit.nodes.length, 1);
        }
        assert.is(done.size, nodes.length);
      }),
    );
  });
}

test('islands keep the order of the nodes in them', () => {
  fc.assert(
    fc.property(plans, (nodePlans) => {
      const { nodes, units } = unitsOf(nodePlans, 'island');
      for (const unit of units) {
        const places = unit.nodes.map((node) => nodes.indexOf(node));
        assert.equal(
          places,
          places.toSorted((a, b) => a - b),
        );
      }
    }),
  );
});

test('there is never more than one island between two steps of offloaded nodes', () => {
  fc.assert(
    fc.property(plans, (nodePlans) => {
      const { units } = unitsOf(nodePlans, 'island');
      units.forEach((unit, place) => {
        if (place > 0 && !unit.isOffloaded) assert.ok(units[place - 1]!.isOffloaded);
      });
    }),
  );
});

test('siblings behind the same offloaded nodes share an island, and a diamond is cut in the middle', () => {
  // 0 -> 1 (offloaded) -> 3; 0 -> 2 -> 3
  const { units } = unitsOf(
    [
      { reads: [], offloaded: false },
      { reads: [0], offloaded: true },
      { reads: [0], offloaded: false },
      { reads: [1, 2], offloaded: false },
    ],
    'island',
  );
  assert.equal(
    units.map((unit) => unit.nodes.map(({ name }) => name)),
    [['node_0', 'node_2'], ['node_1'], ['node_3']],
  );
});

test.run();
