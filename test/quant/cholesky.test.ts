import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cholesky } from '../../src/quant/cholesky.js';
import { product, randomMatrix, transpose, transposedProduct } from './moments.js';

test('a lower triangular factor, in one block and in several', () => {
  for (const size of [1, 20, 450]) {
    const half = randomMatrix(size + 20, size, 1);
    const symmetric = Float64Array.from(product(transpose(half), half).values);
    const factor = symmetric.slice();
    assert.ok(cholesky(factor, size, transposedProduct));
    for (let row = 0; row < size; row++) {
      assert.ok(factor.subarray(row * size + row + 1, (row + 1) * size).every((value) => value === 0));
    }
    const restored = transposedProduct(factor, factor, { rows: size, columns: size, inner: size });
    for (const [index, value] of restored.entries()) assert.ok(Math.abs(value - symmetric[index]!) < 1e-9 * size);
  }
});

test('what is not positive definite has no factor', () => {
  assert.not(cholesky(Float64Array.of(1, 2, 2, 1), 2, transposedProduct));
  assert.not(cholesky(Float64Array.of(1, 0, 0, Number.NaN), 2, transposedProduct));
});

test.run();
