import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { greedyToken } from '../../src/runtime/decoder.js';
import { generate, generateTokens } from '../../src/runtime/generate.js';
import { countingLogits, FakeDecoder } from './fake-decoder.js';

test('the first of equal logits wins', () => {
  assert.is(greedyToken(Float32Array.of(1, 3, 3, 2)), 1);
  assert.is(greedyToken(Float32Array.of(-4, -3)), 1);
});

test('text goes on to the length, prompt and answer together', () => {
  const decoder = new FakeDecoder(countingLogits);
  const { newIds, stoppedBy, tokenMs, prefillMs } = generate(decoder, [0, 1], { maxLength: 7, endTokens: new Set() });
  assert.equal(newIds, [2, 3, 0, 1, 2]);
  assert.is(stoppedBy, 'length');
  assert.equal(decoder.calls, [2, 1, 1, 1, 1]);
  assert.is(tokenMs.length, 4);
  assert.ok(prefillMs >= 0);
});

test('an end token ends it and is part of it', () => {
  const decoder = new FakeDecoder(countingLogits);
  const { newIds, stoppedBy } = generate(decoder, [1], { maxLength: 50, endTokens: new Set([0, 17]) });
  assert.equal(newIds, [2, 3, 0]);
  assert.is(stoppedBy, 'end');
  const atOnce = generate(decoder, [3], { maxLength: 50, endTokens: new Set([0, 17]) });
  assert.equal([atOnce.newIds, atOnce.tokenMs.length], [[0], 0]);
});

test('each text starts anew', () => {
  const decoder = new FakeDecoder((id, position) => countingLogits(id + position));
  const first = generate(decoder, [1, 2], { maxLength: 8, endTokens: new Set() });
  assert.equal(generate(decoder, [1, 2], { maxLength: 8, endTokens: new Set() }).newIds, first.newIds);
});

test('each token is computed when it is asked for, by the rule that is given', () => {
  const decoder = new FakeDecoder(countingLogits);
  const second = (logits: Float32Array): number => logits.indexOf([...logits].sort((a, b) => b - a)[1]!);
  const tokens = generateTokens(decoder, [0, 0], { maxLength: 4, endTokens: new Set(), choose: second });
  assert.equal(decoder.calls, []);
  const [first, next, end] = [tokens.next(), tokens.next(), tokens.next()];
  assert.equal(
    [first.value, next.value].map((token) => Object(token).id),
    [3, 3],
  );
  assert.equal([end.done, end.value], [true, 'length']);
  assert.equal(decoder.calls, [2, 1]);
});

test('a prompt that leaves nothing to generate is a mistake of the caller', () => {
  const decoder = new FakeDecoder(countingLogits);
  assert.throws(() => generate(decoder, [1, 2, 3], { maxLength: 3, endTokens: new Set() }), /leaves nothing of 3/);
});

test.run();
