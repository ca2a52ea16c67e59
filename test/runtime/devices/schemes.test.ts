import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { operatorOfScheme } from '../../../src/runtime/devices/schemes.js';

test('a scheme says what an operator becomes', () => {
  assert.equal(operatorOfScheme('w3-g128', { k: 11008, n: 4096 }), {
    operatorType: 'MatMul',
    k: 11008,
    n: 4096,
    weights: { type: 'int3', groupSize: 128 },
    constantWeights: true,
    activations: 'bfloat16',
    scheme: 'w3-g128',
  });
  assert.equal(operatorOfScheme('w8a8-ort', { k: 1, n: 1 }).activations, 'uint8');
  assert.equal(operatorOfScheme('w4-nbits', { k: 1, n: 1 }).weights, { type: 'int4', groupSize: 32 });
});

test('groups may have any size', () => {
  assert.equal(operatorOfScheme('w4-g16', { k: 1, n: 1 }).weights, { type: 'int4', groupSize: 16 });
});

for (const [scheme, suggestion] of [
  ['w8a9', 'did you mean `w8a8`?'],
  ['awq', 'schemes are float, w8a8, '],
  ['w4-g0', 'did you mean `w4-g32`?'],
  ['constructor', 'schemes are float, w8a8, '],
] as const) {
  test(`${scheme} is not the scheme of one operator`, () => {
    assert.throws(
      () => operatorOfScheme(scheme, { k: 1, n: 1 }),
      (error: unknown) =>
        error instanceof QuernError && error.code === 'usage' && error.suggestion?.startsWith(suggestion) === true,
    );
  });
}

test.run();
