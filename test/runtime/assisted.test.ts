import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateAssisted } from '../../src/runtime/assisted.js';
import { collect, generate } from '../../src/runtime/generate.js';
import { countingLogits, FakeDecoder } from './fake-decoder.js';

/** A text that depends on token and position, so that a decoder which was cut back wrongly says something else. */
function mixedLogits(seed: number, vocabulary = 7): (id: number, position: number) => readonly number[] {
  return (id, position) => {
    const next = (id * 31 + position * 17 + seed) % vocabulary;
    return Array.from({ length: vocabulary }, (_, token) => (token === next ? 5 : token / 10));
  };
}

function assisted(target: FakeDecoder, draft: FakeDecoder, maxLength: number, endTokens: ReadonlySet<number>) {
  const guesses: [number, number][] = [];
  const onGuesses = (proposed: number, accepted: number): number => guesses.push([proposed, accepted]);
  const options = { maxLength, endTokens, draft, draftTokens: 3, oneByOne: false, onGuesses };
  return { ...collect(generateAssisted(target, [1, 2], options)), guesses };
}

test('a draft that is always right saves passes', () => {
  const [target, draft] = [new FakeDecoder(countingLogits), new FakeDecoder(countingLogits)];
  const { newIds, stoppedBy, guesses } = assisted(target, draft, 14, new Set());
  assert.equal(newIds, [3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]);
  assert.is(stoppedBy, 'length');
  assert.equal(guesses, [
    [3, 3],
    [3, 3],
    [2, 2],
  ]);
  assert.equal(target.calls, [2, 4, 4, 3]);
});

test('a draft that is always wrong changes nothing', () => {
  const target = new FakeDecoder(countingLogits);
  const { newIds, guesses } = assisted(target, new FakeDecoder((id) => countingLogits(id + 1)), 8, new Set());
  assert.equal(newIds, [3, 0, 1, 2, 3, 0]);
  assert.equal(
    guesses.map(([, accepted]) => accepted),
    [0, 0, 0, 0],
  );
});

test('an end token ends the text within accepted guesses', () => {
  const [target, draft] = [new FakeDecoder(countingLogits), new FakeDecoder(countingLogits)];
  const { newIds, stoppedBy } = assisted(target, draft, 50, new Set([1]));
  assert.equal([newIds, stoppedBy], [[3, 0, 1], 'end']);
});

test('near ties are decided by a pass of one token', () => {
  class Rounding extends FakeDecoder {
    /** Says something else than one token by one token would say, by less than the tolerance. */
    override forwardAll(ids: ArrayLike<number>): Float32Array {
      const logits = super.forwardAll(ids);
      if (ids.length > 1 && this.calls.length > 1)
        for (let start = 0; start < logits.length; start += 3) logits[start]! += 2e-5;
      return logits;
    }
  }
  const tie = (id: number): readonly number[] => [1, 1 + 1e-5, id === 1 ? -1 : 0];
  const target = new Rounding(tie);
  const expected = generate(new FakeDecoder(tie), [1, 2], { maxLength: 12, endTokens: new Set() }).newIds;
  assert.equal(assisted(target, new FakeDecoder(tie), 12, new Set()).newIds, expected);
});

test('whatever the draft says, the text is that of plain decoding', () => {
  const seeds = fc.tuple(fc.nat(20), fc.nat(20), fc.integer({ min: 3, max: 40 }), fc.integer({ min: 1, max: 6 }));
  const ends = fc.uniqueArray(fc.nat(6), { maxLength: 2 });
  fc.assert(
    fc.property(seeds, ends, fc.boolean(), fc.integer({ min: 4, max: 60 }), (numbers, end, oneByOne, draftCapacity) => {
      const [seed, draftSeed, maxLength, draftTokens] = numbers;
      const endTokens = new Set(end);
      const expected = generate(new FakeDecoder(mixedLogits(seed)), [1, 2], { maxLength, endTokens });
      const draft = new FakeDecoder(mixedLogits(draftSeed), draftCapacity);
      const options = { maxLength, endTokens, draft, draftTokens, oneByOne };
      const target = new FakeDecoder(mixedLogits(seed), maxLength);
      const actual = collect(generateAssisted(target, [1, 2], options));
      assert.equal([actual.newIds, actual.stoppedBy], [expected.newIds, expected.stoppedBy]);
    }),
  );
});

test.run();
