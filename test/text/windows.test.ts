import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TokenWindows } from '../../src/text/windows.js';

function count(total: number): Int32Array {
  return Int32Array.from({ length: total }, (_, index) => index);
}

test('windows without overlap, the rest dropped', () => {
  const windows = new TokenWindows(count(11), 3);
  assert.equal(
    [...windows].map((window) => [...window]),
    [
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 8],
    ],
  );
  assert.is(new TokenWindows(count(12), 3).count, 4);
  assert.is(new TokenWindows(count(2), 3).count, 0);
  assert.is(new TokenWindows(count(3), 3).count, 1);
});

test('windows that overlap', () => {
  const windows = new TokenWindows(count(8), 4, 2);
  assert.equal(
    [...windows].map((window) => [...window]),
    [
      [0, 1, 2, 3],
      [2, 3, 4, 5],
      [4, 5, 6, 7],
    ],
  );
  assert.is(new TokenWindows(count(9), 4, 2).count, 3);
});

test('any number of the first windows', () => {
  fc.assert(
    fc.property(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (total, a, b) => {
      const [length, stride] = [Math.max(a, b), Math.min(a, b)];
      const windows = new TokenWindows(count(total), length, stride);
      const starts = [];
      for (let start = 0; start + length <= total; start += stride) starts.push(start);
      assert.equal(
        [...windows].map((window) => window[0]),
        starts,
      );
      assert.ok([...windows].every((window) => window.length === length));
      for (let taken = 1; taken <= windows.count; taken++) {
        const first = windows.first(taken);
        assert.is(first.count, taken);
        assert.equal([...first.at(taken - 1)], [...windows.at(taken - 1)]);
      }
    }),
  );
});

test('what can not be is refused', () => {
  assert.throws(() => new TokenWindows(count(9), 0), /no windows of 0 tokens/);
  assert.throws(() => new TokenWindows(count(9), 1.5), /no windows of 1.5 tokens/);
  assert.throws(() => new TokenWindows(count(9), 3, 4), /every 4 tokens/);
  const windows = new TokenWindows(count(9), 3);
  assert.throws(() => windows.at(3), /no window 3 of 3/);
  assert.throws(() => windows.at(-1), /no window -1 of 3/);
  assert.throws(() => windows.first(4), /can't take 4 of 3/);
  assert.throws(() => windows.first(0), /can't take 0 of 3/);
});

test.run();
