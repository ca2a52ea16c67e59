import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { loadRecipe } from '../../src/recipe/load.js';
import { recipeSchema } from '../../src/recipe/schema.js';
import { builtInKinds } from '../../src/stages/registry.js';

const repository = join(import.meta.dirname, '../..');

const published: object = JSON.parse(readFileSync(join(repository, 'schemas/recipe.schema.json'), 'utf8'));

function compile(schema: object): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, validateSchema: true });
  return ajv.compile(schema);
}

function recipesIn(directory: string): readonly string[] {
  return readdirSync(join(repository, directory))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(repository, directory, name));
}

test('the published schema is that of the built-in kinds', () => {
  assert.equal(published, JSON.parse(JSON.stringify(recipeSchema(builtInKinds))), 'run `npm run schemas`');
});

for (const file of ['recipes', 'recipes/templates', 'docs/examples'].flatMap(recipesIn)) {
  test(`the published schema and quern accept ${file.slice(repository.length + 1)}`, async () => {
    const validate = compile(published);
    assert.ok(validate(parse(readFileSync(file, 'utf8'))), JSON.stringify(validate.errors));
    const loaded = await loadRecipe(file, { kinds: builtInKinds });
    assert.ok(loaded.ok, JSON.stringify(loaded));
  });
}

test('it accepts what only the files together make whole', () => {
  const validate = compile(published);
  const accepts = (recipe: object): boolean => validate({ quern: 1, ...recipe });
  assert.ok(accepts({ extends: './base.yaml' }));
  assert.ok(
    accepts({ extends: ['./base.yaml'], stages: { a: null, b: { alpha: 0.5 }, c: { kind: 'load', dtype: null } } }),
  );
  assert.ok(accepts({ include: './shared.yaml', stages: { e: { kind: 'export', model: 'float' } } }));
  assert.ok(accepts({ defaults: { load: { source: './m' } }, stages: { a: { kind: 'load' } } }));
  assert.ok(accepts({ stages: { a: { kind: 'load', matrix: { source: ['./a', './b'] } } } }));
  assert.ok(accepts({ stages: { a: { kind: 'load', source: '${matrix.s}', matrix: { s: '${all}' } } } }));
});

test('it rejects what no other file makes right', () => {
  const validate = compile(published);
  const accepts = (recipe: object): boolean => validate({ quern: 1, ...recipe });
  const load = { kind: 'load', source: './m' };
  assert.not(accepts({ extends: 3, stages: { a: load } }));
  assert.not(accepts({ extends: './b.yaml', stages: { a: { kind: 'load', sorce: './m' } } }));
  assert.not(accepts({ stages: { a: { kind: 'load' } } }));
  assert.not(accepts({ stages: { a: null } }));
  assert.not(accepts({ stages: { a: { ...load, matrix: { bits: 4 } } } }));
  assert.not(accepts({ stages: { a: { ...load, matrix: {} } } }));
  assert.not(accepts({ defaults: { laod: {} }, stages: { a: load } }));
  assert.not(accepts({ defaults: { load: { sorce: './m' } }, stages: { a: load } }));
});

test.run();
