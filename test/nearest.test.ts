import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { didYouMean, editDistance, nearest } from '../src/nearest.js';

const cases: readonly (readonly [string, readonly string[], string | undefined])[] = [
  ['aplha', ['model', 'alpha', 'stats'], 'alpha'],
  ['smothquant', ['smoothquant', 'quantize'], 'smoothquant'],
  ['Model', ['model'], 'model'],
  ['min-elements', ['min_elements'], 'min_elements'],
  ['kind', ['alpha', 'stats'], undefined],
  ['ab', ['ac'], undefined],
  ['alpha', ['alpha'], undefined],
  ['float2', ['float1', 'float3'], 'float1'],
  ['x'.repeat(65), ['x'.repeat(64)], undefined],
  ['a', [], undefined],
];
for (const [name, candidates, expected] of cases) {
  test(`nearest to ${name.slice(0, 20)} of ${candidates.join(', ').slice(0, 40)}`, () => {
    assert.is(nearest(name, candidates), expected);
  });
}

test('a swap of neighbours is one mistake', () => {
  assert.is(editDistance('ab', 'ba'), 1);
  assert.is(editDistance('ca', 'abc'), 3);
  assert.is(editDistance('', 'abc'), 3);
  assert.is(editDistance('kitten', 'sitting'), 3);
});

test('the distance is symmetric, zero for equal texts alone, and at most the longer length', () => {
  const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right);
      assert.is(distance, editDistance(right, left));
      assert.is(distance === 0, left === right);
      assert.ok(distance <= Math.max(left.length, right.length));
    }),
  );
});

test('the suggestion is a question', () => {
  assert.is(didYouMean('aplha', ['alpha']), 'did you mean `alpha`?');
  assert.is(didYouMean('beta', ['alpha']), undefined);
});

test.run();
