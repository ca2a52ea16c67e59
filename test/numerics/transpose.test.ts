import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { transposeColumns } from '../../src/numerics/transpose.js';

test('every element of the chosen columns is where it belongs', () => {
  const size = fc.integer({ min: 1, max: 80 });
  fc.assert(
    fc.property(size, size, fc.nat(), fc.nat(), (rows, columns, firstSeed, countSeed) => {
      const first = firstSeed % columns;
      const count = 1 + (countSeed % (columns - first));
      const source = Float32Array.from({ length: rows * columns }, (_, index) => index);
      const target = new Float32Array(count * rows);
      transposeColumns(source, columns, first, target);
      for (let column = 0; column < count; column++) {
        for (let row = 0; row < rows; row++) {
          assert.is(target[column * rows + row], row * columns + first + column);
        }
      }
    }),
  );
});

test.run();
