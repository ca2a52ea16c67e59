import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bfloat16ToFloat32, float16ToFloat32 } from '../../../src/numerics/half.js';
import type { FloatRows, FloatType } from '../../../src/numerics/kernels/float-rows.js';
import { transposeRows, widenRows } from '../../../src/numerics/kernels/float-rows.js';

const widen = { float16: float16ToFloat32, bfloat16: bfloat16ToFloat32, float32: (value: number) => value };

function rowsOf(type: FloatType, elements: Uint16Array | Float32Array, columns: number): FloatRows {
  const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  const read = (target: Uint8Array): void => target.set(bytes);
  return { type, rows: elements.length / columns, columns, read };
}

function elementsOf(type: FloatType, count: number, element: (index: number) => number): Uint16Array | Float32Array {
  const elements = Array.from({ length: count }, (_, index) => element(index));
  return type === 'float32' ? Float32Array.from(elements) : Uint16Array.from(elements);
}

for (const type of ['float16', 'bfloat16'] as const) {
  test(`every ${type} is turned and widened as it is value by value`, () => {
    const elements = elementsOf(type, 2 ** 16, (index) => index);
    const expected = Array.from(elements, (bits) => widen[type](bits));
    let wrong = 0;
    const areFinite = transposeRows(rowsOf(type, elements, 256), (values, firstColumn) => {
      values.forEach((value, index) => {
        const place = (index % 256) * 256 + firstColumn + Math.floor(index / 256);
        if (!Object.is(value, expected[place])) wrong++;
      });
    });
    assert.is(wrong, 0);
    assert.not(areFinite);
    widenRows(rowsOf(type, elements, 256), (values) => {
      assert.ok(values.every((value, index) => Object.is(value, expected[index])));
    });
  });
}

for (const type of ['float32', 'float16', 'bfloat16'] as const) {
  test(`a matrix of ${type} of any size is turned, and what is not finite is seen`, () => {
    const size = fc.integer({ min: 1, max: 90 });
    fc.assert(
      fc.property(size, size, fc.nat(), (rows, columns, seed) => {
        const elements = elementsOf(type, rows * columns, (index) => (index * 7 + seed) % 15_000);
        const turned = new Float32Array(rows * columns);
        const turn = (): boolean =>
          transposeRows(rowsOf(type, elements, columns), (values, first) => turned.set(values, first * rows));
        assert.ok(turn());
        elements.forEach((element, index) => {
          const place = (index % columns) * rows + Math.floor(index / columns);
          assert.is(turned[place], widen[type](element));
        });
        elements[seed % elements.length] = type === 'float32' ? Number.NaN : 0x7fff;
        assert.not(turn());
      }),
    );
  });
}

test('more columns than a tile has', () => {
  const [rows, columns] = [5000, 70];
  const elements = elementsOf('float32', rows * columns, (index) => index);
  const firsts: number[] = [];
  transposeRows(rowsOf('float32', elements, columns), (values, first) => {
    firsts.push(first);
    assert.ok(values.every((value, index) => value === (index % rows) * columns + first + Math.floor(index / rows)));
  });
  assert.equal(firsts, [0, 32, 64]);
});

test.run();
