import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { roundHalfToEven } from '../../src/numerics/rounding.js';

test('ties go to the even neighbour, everything else to the nearest', () => {
  const table: readonly (readonly [number, number])[] = [
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, -0],
    [-1.5, -2],
    [-2.5, -2],
    [0.49999999999999994, 0],
    [0.5000000000000001, 1],
    [-0.2, -0],
    [-0, -0],
    [2 ** 51 + 0.5, 2 ** 51],
    [2 ** 51 + 1.5, 2 ** 51 + 2],
    [2 ** 52 + 1, 2 ** 52 + 1],
    [Number.MAX_VALUE, Number.MAX_VALUE],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [Number.NaN, Number.NaN],
  ];
  for (const [value, expected] of table) {
    assert.ok(Object.is(roundHalfToEven(value), expected), `${value} became ${roundHalfToEven(value)}`);
  }
});

test('agrees with the addition that makes the processor round, on any float32 below 2^22', () => {
  fc.assert(
    fc.property(fc.float({ min: -4_000_000, max: 4_000_000, noNaN: true }), (value) => {
      const magic = 1.5 * 2 ** 23;
      const expected = Math.fround(Math.fround(value + magic) - magic);
      assert.ok(roundHalfToEven(value) === expected, `${value}`);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.integer({ min: -4_000_000, max: 4_000_000 }), (integer) => {
      const rounded = roundHalfToEven(integer + 0.5);
      assert.ok(rounded % 2 === 0 && Math.abs(rounded - (integer + 0.5)) === 0.5);
    }),
  );
});

test.run();
