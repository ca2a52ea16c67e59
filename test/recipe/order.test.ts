import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DependencyOrder, dependencyOrder } from '../../src/recipe/order.js';

function orderOf(graph: { readonly [name: string]: readonly string[] }): DependencyOrder {
  return dependencyOrder(Object.keys(graph), (name) => graph[name] ?? []);
}

test('the order of the file is kept where dependencies allow', () => {
  assert.equal(orderOf({ b: [], a: [], c: ['b'] }), { order: ['b', 'a', 'c'], cycles: [] });
});

test('dependencies are pulled in front of what needs them', () => {
  assert.equal(orderOf({ run: ['onnx', 'float'], float: [], onnx: ['float'] }).order, ['float', 'onnx', 'run']);
});

test('unknown dependencies are ignored', () => {
  assert.equal(orderOf({ a: ['nowhere'] }), { order: ['a'], cycles: [] });
});

test('a cycle is a closed trail from its first member in the order given', () => {
  assert.equal(orderOf({ entry: ['c'], a: ['b'], b: ['c'], c: ['a'] }).cycles, [['a', 'b', 'c', 'a']]);
  assert.equal(orderOf({ a: ['a'] }), { order: ['a'], cycles: [['a', 'a']] });
});

test('cycles that share a member are all found', () => {
  const { order, cycles } = orderOf({ a: ['b', 'c'], b: ['a'], c: ['a'] });
  assert.equal(cycles, [
    ['a', 'b', 'a'],
    ['a', 'c', 'a'],
  ]);
  assert.equal([...order].sort(), ['a', 'b', 'c']);
});

test('a chain may be longer than the call stack is deep', () => {
  const names = Array.from({ length: 50_000 }, (_, index) => String(index));
  const { order, cycles } = dependencyOrder(names, (name) => [String(Number(name) + 1)]);
  assert.is(order[0], '49999');
  assert.is(order.length, names.length);
  assert.equal(cycles, []);
});

test('in a graph without cycles every name stands once, behind its dependencies', () => {
  const graphs = fc
    .array(fc.array(fc.nat(9), { maxLength: 4 }), { maxLength: 10 })
    .map((edges) => edges.map((targets, from) => targets.filter((to) => to < from).map(String)))
    .chain((edges) =>
      fc
        .shuffledSubarray(
          edges.map((_, index) => String(index)),
          { minLength: edges.length },
        )
        .map((names) => ({ names, edges })),
    );
  fc.assert(
    fc.property(graphs, ({ names, edges }) => {
      const { order, cycles } = dependencyOrder(names, (name) => edges[Number(name)] ?? []);
      assert.equal(cycles, []);
      assert.equal([...order].sort(), [...names].sort());
      for (const name of names) {
        for (const one of edges[Number(name)] ?? []) assert.ok(order.indexOf(one) < order.indexOf(name));
      }
    }),
  );
});

test.run();
