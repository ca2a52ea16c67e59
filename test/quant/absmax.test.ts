import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { absmax, columnAbsmax, rowAbsmax } from '../../src/quant/absmax.js';
import { matrix } from '../../src/quant/matrix.js';

const values = Float32Array.of(1, -6, 2, -3, 4, 5);

test('the largest magnitude of all values, rows and columns', () => {
  assert.is(absmax(values), 6);
  assert.equal([...rowAbsmax(matrix(values, 2, 3))], [6, 5]);
  assert.equal([...columnAbsmax(matrix(values, 2, 3))], [3, 6, 5]);
});

test('nothing has magnitude 0', () => {
  assert.is(absmax(new Float32Array(0)), 0);
  assert.equal([...columnAbsmax(matrix(new Float32Array(0), 0, 2))], [0, 0]);
});

test('NaN is not lost, wherever it stands', () => {
  for (const index of values.keys()) {
    const damaged = values.slice();
    damaged[index] = Number.NaN;
    assert.ok(Number.isNaN(absmax(damaged)));
    assert.ok(Number.isNaN(rowAbsmax(matrix(damaged, 2, 3))[Math.floor(index / 3)]));
    assert.ok(Number.isNaN(columnAbsmax(matrix(damaged, 2, 3))[index % 3]));
  }
});

test('a matrix that its values do not fill is refused', () => {
  assert.throws(() => matrix(values, 2, 2), /2 rows and 2 columns can't hold 6 values/);
});

test.run();
