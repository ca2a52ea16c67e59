import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { dequantizeNBits } from '../../src/quant/dequantize.js';
import { matrix } from '../../src/quant/matrix.js';
import { quantizeNBits, quantizeNBitsWithError } from '../../src/quant/nbits.js';
import { type NBitsBlock, nbitsBlocks } from '../../src/quant/nbits-weight.js';
import { nbitsError } from '../../src/quant/quantization-error.js';
import { matrices, permuteColumns } from './arbitraries.js';
import { arraysSha256, goldenCases } from './golden/fixture.js';
import { generate, type MatrixSpecification } from './golden/generate.js';

interface GoldenCase {
  readonly matrix: MatrixSpecification;
  readonly block: NBitsBlock;
  readonly symmetric: boolean;
  readonly sha256: string;
}

test('every byte is that of MatMulNBitsQuantizer', () => {
  for (const { matrix, block, symmetric, sha256 } of goldenCases<GoldenCase>('nbits.json')) {
    const { codes, scales, zeroPoints } = quantizeNBits(generate(matrix), { block, symmetric });
    const arrays = zeroPoints ? [codes, scales, zeroPoints] : [codes, scales];
    assert.is(arraysSha256(...arrays), sha256, `block ${block}, symmetric ${symmetric}, ${JSON.stringify(matrix)}`);
  }
});

test('a symmetric block maps its extreme value to code 0, low half of a byte first', () => {
  const values = new Float32Array(16);
  values.set([-8, 7, 0, 0.5, -0.5, -1.5, 7.6]);
  const { codes, scales, zeroPoints } = quantizeNBits(matrix(values, 16, 1), { block: 16, symmetric: true });
  assert.equal([...scales], [1]);
  assert.equal([...codes], [0xf0, 0x98, 0x78, 0x8f, 0x88, 0x88, 0x88, 0x88]);
  assert.is(zeroPoints, undefined);
});

test('a positive extreme gives a negative scale', () => {
  const values = Float32Array.of(8, -7, ...new Float32Array(14));
  const { codes, scales } = quantizeNBits(matrix(values, 16, 1), { block: 16, symmetric: true });
  assert.equal([...scales], [-1]);
  assert.is(codes[0], 0xf0);
});

test('an asymmetric block covers zero, and zero is exact', () => {
  const values = new Float32Array(32);
  values.set([5, 20, 12.5, 0], 0);
  values.fill(-3, 16);
  const quantized = quantizeNBits(matrix(values, 32, 1), { block: 16, symmetric: false });
  assert.equal([...(quantized.zeroPoints ?? [])], [0xf0]);
  const restored = dequantizeNBits(quantized).values;
  assert.is(restored[3], 0);
  assert.ok(Math.abs(restored[16]! + 3) < 1e-6);
});

test('values that are not finite are refused', () => {
  assert.throws(
    () => quantizeNBits(matrix(Float32Array.of(1, Number.NaN), 2, 1), { block: 32, symmetric: true }),
    (error: unknown) => error instanceof QuernError && error.message.includes('row 1, column 0'),
  );
});

test('a value is off by half a scale at most, and by one where its code would be 16', () => {
  fc.assert(
    fc.property(matrices(), fc.constantFrom(...nbitsBlocks), fc.boolean(), (weight, block, symmetric) => {
      const quantized = quantizeNBits(weight, { block, symmetric });
      const restored = dequantizeNBits(quantized);
      const blocks = Math.ceil(weight.rows / block);
      for (let index = 0; index < restored.values.length; index++) {
        const column = index % weight.columns;
        const row = (index - column) / weight.columns;
        const scale = quantized.scales[column * blocks + Math.floor(row / block)]!;
        const difference = weight.values[index]! - restored.values[index]!;
        // In an asymmetric block the rounding of the zero point comes on top, at the ends of the range.
        const bound = difference / scale > 0.5 || !symmetric ? 1 : 0.5;
        assert.ok(Math.abs(difference) <= Math.abs(scale) * bound * (1 + 1e-4), `${difference}, scale ${scale}`);
      }
    }),
  );
});

test('quantizing what symmetric codes stand for gives the same bytes', () => {
  fc.assert(
    fc.property(matrices(), fc.constantFrom(...nbitsBlocks), (weight, block) => {
      const once = quantizeNBits(weight, { block, symmetric: true });
      const again = quantizeNBits(dequantizeNBits(once), { block, symmetric: true });
      assert.equal(again.codes, once.codes);
    }),
  );
});

test('each column is quantized on its own, wherever it stands', () => {
  fc.assert(
    fc.property(matrices(), fc.boolean(), fc.nat(), (weight, symmetric, seed) => {
      const { permuted, order } = permuteColumns(weight, seed);
      const straight = dequantizeNBits(quantizeNBits(weight, { block: 16, symmetric })).values;
      const shuffled = dequantizeNBits(quantizeNBits(permuted, { block: 16, symmetric })).values;
      for (let index = 0; index < straight.length; index++) {
        const column = index % weight.columns;
        assert.is(shuffled[index], straight[index - column + order[column]!]);
      }
    }),
  );
});

test('the error found on the way is that of the codes', () => {
  fc.assert(
    fc.property(matrices(), fc.boolean(), fc.constantFrom(2, 4, 8), (weight, symmetric, bits) => {
      const { quantized, error } = quantizeNBitsWithError(weight, { block: 16, symmetric, bits });
      assert.equal(error, nbitsError(weight, quantized));
    }),
  );
});

test.run();
