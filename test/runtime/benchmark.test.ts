import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { median } from '../../src/runtime/averages.js';
import { benchmark, benchmarkPrompt, fitPrompts } from '../../src/runtime/benchmark.js';
import { countingLogits, FakeDecoder } from './fake-decoder.js';

test('each prompt length is measured as often as asked, the warm-up included', () => {
  const decoder = new FakeDecoder(countingLogits);
  let repeats = 0;
  const rows = benchmark(decoder, {
    promptLengths: [5, 2],
    newTokens: 3,
    vocabularySize: 4,
    warmup: 1,
    repeats: 2,
    onRepeat: () => repeats++,
  });
  assert.is(repeats, 6);
  assert.equal(decoder.calls, [5, 1, 1, 5, 1, 1, 5, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1]);
  assert.equal(
    rows.map(({ promptLength, newTokens }) => [promptLength, newTokens]),
    [
      [5, 3],
      [2, 3],
    ],
  );
  for (const { prefillMs, prefillMsSpread, msPerToken, msPerTokenSpread, tokensPerSecond } of rows) {
    assert.ok(prefillMsSpread[0] <= prefillMs && prefillMs <= prefillMsSpread[1]);
    assert.ok(msPerTokenSpread[0] <= msPerToken && msPerToken <= msPerTokenSpread[1]);
    assert.is(tokensPerSecond, 1000 / msPerToken);
  }
});

test('prompts that are too long become the longest possible, once', () => {
  assert.equal(fitPrompts([8, 32], 10, 100), [{ promptLength: 8 }, { promptLength: 32 }]);
  assert.equal(fitPrompts([8, 95, 500], 10, 100), [
    { promptLength: 8 },
    { promptLength: 90, note: 'instead of 95, 500: the model has room for 100 tokens' },
  ]);
  assert.equal(fitPrompts([90, 95], 10, 100), [{ promptLength: 90 }]);
  assert.throws(
    () => fitPrompts([8], 100, 100),
    (error: unknown) => error instanceof QuernError && /leave no room for a prompt/.test(error.message),
  );
});

test('prompts are varied, the same each time, and of the vocabulary', () => {
  const prompt = benchmarkPrompt(300, 4096);
  assert.is(new Set(prompt).size, 300);
  assert.ok(prompt.every((id) => id >= 0 && id < 4096));
  assert.equal(benchmarkPrompt(3, 4096), prompt.slice(0, 3));
  assert.equal([...benchmarkPrompt(3, 1)], [0, 0, 0]);
});

test('the median of an even count is the mean of the two in the middle', () => {
  assert.is(median([5, 1, 3]), 3);
  assert.is(median([4, 1, 3, 100]), 3.5);
  assert.throws(() => median([]));
});

test.run();
