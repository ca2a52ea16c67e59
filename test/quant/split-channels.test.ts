import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { quantizeInt8OnnxRuntime } from '../../src/quant/int8-onnxruntime.js';
import { matrix } from '../../src/quant/matrix.js';
import { copiesOfFeatures, featuresOfCopies, splitWeight } from '../../src/quant/split-channels.js';

test('what does far more than the others becomes so many that none does', () => {
  const products = new Float32Array(400).fill(1);
  products.set([90, 3.5, 2], 7);
  const copies = copiesOfFeatures(products, 4);
  assert.is(copies[7], 23);
  assert.is(
    copies.reduce((sum, count) => sum + count, 0),
    422,
  );
});

test('nothing is split where nothing is usual, and at most as many copies are added as there are features', () => {
  const products = new Float32Array(300);
  products[3] = 5;
  assert.equal([...copiesOfFeatures(products, 1)], new Array(300).fill(1));
  const steep = Float32Array.from({ length: 200 }, (_, index) => (index < 2 ? 1e30 : 1));
  const added = copiesOfFeatures(steep, 1).reduce((sum, count) => sum + count - 1, 0);
  assert.ok(added > 150 && added <= 200, `${added}`);
});

test('copies have the mean of their row, and rounded they are nearer to it than the row', () => {
  const weight = matrix(Float32Array.of(1, -0.50748, 0.2518, 0.3), 2, 2);
  const scales = Float32Array.of(1, 2);
  const copies = Int32Array.of(16, 1);
  assert.equal([...featuresOfCopies(copies)], [...new Array(16).fill(0), 1]);
  const split = splitWeight(weight, copies, scales);
  const mean = ({ values }: { readonly values: ArrayLike<number> }, column: number): number =>
    Array.from({ length: 16 }, (_, copy) => values[2 * copy + column]!).reduce((sum, value) => sum + value, 0) / 16;
  assert.ok(Math.abs(mean(split, 1) + 0.50748) < 1e-6);
  assert.equal(
    [...split.values.subarray(32)],
    [...Float32Array.of(0.2518, 0.3)].map((value) => Math.fround(2 * value)),
  );
  const roundedMean = (rounded: ReturnType<typeof quantizeInt8OnnxRuntime>, column: number): number =>
    mean({ values: Float32Array.from(rounded.codes, (code) => code * rounded.scales[0]!) }, column);
  const error = Math.abs(roundedMean(quantizeInt8OnnxRuntime(split, 'tensor'), 1) + 0.50748);
  const { codes, scales: steps } = quantizeInt8OnnxRuntime(weight, 'tensor');
  const errorOfRow = Math.abs(codes[1]! * steps[0]! + 0.50748);
  assert.ok(error < errorOfRow / 3, `${error} against ${errorOfRow}`);
});

test.run();
