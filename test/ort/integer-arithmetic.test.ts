import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openEngine } from '../../src/ort/open-engine.js';
import { encodeModel } from './encode-model.js';
import { floats, int8s, noise, quantizedChain, value } from './models.js';

const engines = [
  await openEngine({ threads: 2, implementation: 'c-api' }),
  await openEngine({ threads: 2, implementation: 'binding' }),
];

/** Ways to fill an int8 matrix, the extremes that overflow 16-bit sums among them. */
const fills: { readonly [name: string]: (count: number) => number[] } = {
  least: (count) => new Array(count).fill(-128),
  most: (count) => new Array(count).fill(127),
  alternating: (count) => Array.from({ length: count }, (_, index) => (index % 2 === 0 ? -128 : 127)),
  noise: (count) => noise(count, 11).map((element) => Math.floor(element * 128)),
};

function product(a: number[], b: number[], [rows, depth, columns]: readonly [number, number, number]): number[] {
  return Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += (a[row * depth + k] ?? 0) * (b[k * columns + column] ?? 0);
    return sum;
  });
}

for (const engine of engines) {
  test(`${engine.name}: int8 products are exact, also at the extremes`, () => {
    for (const shape of [
      [1, 64, 16],
      [1, 1024, 7],
      [9, 517, 33],
    ] as const) {
      const [rows, depth, columns] = shape;
      for (const fillB of Object.values(fills)) {
        const b = fillB(depth * columns);
        const session = engine.openSession({
          bytes: encodeModel({
            inputs: { a: value('int8', 'rows', depth) },
            outputs: { y: value('int32', 'rows', columns) },
            nodes: [{ op: 'MatMulInteger', inputs: ['a', 'b'], outputs: ['y'] }],
            initializers: { b: int8s([depth, columns], b) },
          }),
        });
        for (const fillA of Object.values(fills)) {
          const a = fillA(rows * depth);
          const { y } = session.run({ a: int8s([rows, depth], a) });
          assert.equal([...(y?.data ?? [])], product(a, b, shape));
        }
        session.release();
      }
    }
  });

  test(`${engine.name}: model-local functions give the bits of the same nodes written out`, () => {
    for (const graphOptimization of ['disabled', 'basic', 'extended', 'all'] as const) {
      const [called, inlined] = (['functions', 'inlined'] as const).map((form) =>
        engine.openSession({ bytes: quantizedChain(3, 32, form) }, { graphOptimization }),
      );
      for (const rows of [1, 5]) {
        const x = floats([rows, 32], noise(rows * 32, rows));
        const y = called?.run({ x }).y;
        assert.is(y?.data.length, rows * 32);
        assert.ok(y?.data.some((element) => element !== 0));
        assert.equal(y, inlined?.run({ x }).y);
      }
      called?.release();
      inlined?.release();
    }
  });
}

test.after(() => {
  for (const engine of engines) engine.close();
});

test.run();
