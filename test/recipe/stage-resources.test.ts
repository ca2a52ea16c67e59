import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readResources } from '../../src/recipe/stage-resources.js';

test('what is left out has a default', () => {
  assert.equal(readResources(undefined), { resources: { mutexes: [], priority: 0 }, problems: [] });
});

test('everything given', () => {
  const { resources, problems } = readResources({ memory: '8GiB', cores: 2, mutex: 'gpu', priority: 1.5 });
  assert.equal(problems, []);
  assert.equal(resources, { memoryBytes: 8 * 2 ** 30, cores: 2, mutexes: ['gpu'], priority: 1.5 });
});

for (const [value, expected] of [
  [8, /`resources` must be a mapping, got 8/],
  [{ memry: '1GiB' }, /unknown resource `memry`/],
  [{ memory: 8 }, /`memory` must be a size such as 8GiB, got 8/],
  [{ memory: '0' }, /`memory` must be a size/],
  [{ cores: 0 }, /`cores` must be a whole number of at least 1/],
  [{ cores: 1.5 }, /`cores` must be a whole number/],
  [{ mutex: [1] }, /`mutex` must be a name or a list of names/],
  [{ priority: 'high' }, /`priority` must be a number, got "high"/],
] as const) {
  test(`${JSON.stringify(value)} is refused`, () => {
    const { problems } = readResources(value);
    assert.is(problems.length, 1);
    assert.match(problems[0]?.message ?? '', expected);
  });
}

test.run();
