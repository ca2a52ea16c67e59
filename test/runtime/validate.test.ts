import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { logitError } from '../../src/models/logit-error.js';
import { validate, validationTokens } from '../../src/runtime/validate.js';
import { countingLogits, FakeDecoder } from './fake-decoder.js';

test('a decoder agrees with itself', () => {
  const [a, b] = [new FakeDecoder(countingLogits), new FakeDecoder(countingLogits)];
  let prompts = 0;
  const result = validate(a, b, [[0, 1, 2], [3]], () => prompts++);
  assert.equal(result, { comparedTokens: 4 + 2 * validationTokens, maxLogitError: 0, top1Agreement: 1 });
  assert.is(prompts, 2);
  assert.equal(a.calls, b.calls);
});

test('one wrong row is found, with the size of its error', () => {
  const right = new FakeDecoder(countingLogits);
  const wrong = new FakeDecoder((id, position) =>
    countingLogits(id).map((logit, token) => (position === 5 && token === 0 ? 6 : logit)),
  );
  const { comparedTokens, maxLogitError, top1Agreement } = validate(wrong, right, [[1, 1]]);
  assert.is(comparedTokens, 2 + validationTokens);
  assert.is(top1Agreement, (comparedTokens - 1) / comparedTokens);
  assert.is(maxLogitError, 6 / 5);
});

test('the text of the reference is followed', () => {
  const reference = new FakeDecoder(countingLogits);
  const seen: number[] = [];
  const other = new FakeDecoder((id) => {
    seen.push(id);
    return [9, 0, 0, 0];
  });
  validate(other, reference, [[0]]);
  assert.equal(seen, [0, 1, 2, 3, 0, 1, 2, 3, 0]);
});

test('errors are relative to the largest logit, and never hidden by a NaN', () => {
  assert.is(logitError(Float32Array.of(-8, 2), Float32Array.of(-8, 4)), 0.25);
  assert.is(logitError(Float32Array.of(0, 0), Float32Array.of(0, 0)), 0);
  assert.is(logitError(Float32Array.of(0, 1), Float32Array.of(Number.NaN, 1)), Number.POSITIVE_INFINITY);
  assert.is(logitError(Float32Array.of(1 / 0), Float32Array.of(1 / 0)), Number.POSITIVE_INFINITY);
  assert.throws(() => logitError(Float32Array.of(1), Float32Array.of(1, 2)));
});

test.run();
