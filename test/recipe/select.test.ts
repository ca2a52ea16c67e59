import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecipe } from '../../src/recipe/load.js';
import { matchingStages, nearestStage } from '../../src/recipe/select.js';
import { fakeKinds } from './fake-kinds.js';

const text = `quern: 1
stages:
  float: { kind: load, source: x }
  grid: { kind: load, source: "\${matrix.name}-\${matrix.bits}", matrix: { name: [a, "b,c"], bits: [4, 42] } }
  grid2: { kind: load, source: x }
`;
const loaded = parseRecipe(text, 'r.yaml', { kinds: fakeKinds });
const stages = loaded.ok ? loaded.recipe.stages : [];

const all = ['grid[name=a,bits=4]', 'grid[name=a,bits=42]', 'grid[name="b,c",bits=4]', 'grid[name="b,c",bits=42]'];

const cases: readonly (readonly [pattern: string, expected: readonly string[]])[] = [
  ['float', ['float']],
  ['grid', all],
  ['grid[name=a,bits=4]', all.slice(0, 1)],
  ['grid[bits=4]', [all[0] ?? '', all[2] ?? '']],
  ['grid[bits=4,name=a]', all.slice(0, 1)],
  ['grid[name="b,c"]', all.slice(2)],
  ['grid[*bits=4*', all],
  ['grid[*bits=4]', [all[0] ?? '', all[2] ?? '']],
  ['grid*', [...all, 'grid2']],
  ['*', ['float', ...all, 'grid2']],
  ['f*t', ['float']],
  ['floa*oat', []],
  ['grid[bits=3]', []],
  ['grid[', []],
  ['', []],
];
for (const [pattern, expected] of cases) {
  test(`\`${pattern}\` stands for ${expected.length} stages`, () => {
    assert.equal(
      matchingStages(stages, pattern).map(({ name }) => name),
      expected,
    );
  });
}

test('the nearest of stages and variants is found', () => {
  assert.is(nearestStage(stages, 'flaot'), 'float');
  assert.is(nearestStage(stages, 'gird'), 'grid');
  assert.is(nearestStage(stages, 'grid[name=a,bits=5]'), 'grid[name=a,bits=4]');
});

test.run();
