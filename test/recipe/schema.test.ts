import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { recipeSchema } from '../../src/recipe/schema.js';
import { fakeKinds } from './fake-kinds.js';

/** The published schema, compiled with the schema of schemas in force. */
const validate: ValidateFunction = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false }).compile(
  recipeSchema(fakeKinds),
);

function accepts(stages: object, rest: object = {}): boolean {
  return validate({ quern: 1, stages, ...rest });
}

const load = { kind: 'load', source: 'x' };
const variable = '$' + '{a}';

test('it accepts recipes', () => {
  assert.ok(
    accepts({ a: load, b: { kind: 'run', model: 'a', devices: ['cpu', { npu: 'stx' }], gates: { t: { max: '3%' } } } }),
  );
  assert.ok(accepts({ a: load }, { $schema: 'x', description: 'x', vars: { a: [1] } }));
});

test('it rejects what a recipe can not be', () => {
  assert.not(validate({ stages: { a: load } }));
  assert.not(validate({ quern: 2, stages: { a: load } }));
  assert.not(accepts({}));
  assert.not(accepts({ a: load }, { steps: [] }));
  assert.not(accepts({ '1a': load }));
  assert.not(accepts({ a: { kind: 'teleport' } }));
  assert.not(accepts({ a: { source: 'x' } }));
  assert.not(accepts({ a: { ...load, layrs: 2 } }));
  assert.not(accepts({ a: { ...load, layers: 0 } }));
  assert.not(accepts({ a: { ...load, format: 'zip' } }));
  assert.not(accepts({ a: { kind: 'run' } }));
  assert.not(accepts({ a: { ...load, gates: { t: { maximum: 1 } } } }));
  assert.not(accepts({ a: { kind: 'quantize', model: 'a', rules: [{ scheme: 'w8a8' }] } }));
});

test('a variable may stand for every parameter, at every depth', () => {
  assert.ok(accepts({ a: { kind: variable } }));
  assert.ok(accepts({ a: { ...load, layers: variable, format: variable, keep: variable } }));
  assert.ok(accepts({ a: { kind: 'smoothquant', model: 'a', stats: 'b', alpha: variable } }));
  assert.ok(accepts({ a: { kind: 'quantize', model: 'a', rules: variable } }));
  assert.ok(accepts({ a: { kind: 'quantize', model: 'a', rules: [variable, { match: 'a', bits: variable }] } }));
  assert.ok(accepts({ a: { kind: 'run', model: 'a', devices: [{ npu: variable }, variable] } }));
  assert.ok(accepts({ a: { ...load, gates: { t: { max: variable } } } }));
  assert.not(accepts({ a: { ...load, layers: 'two' } }));
});

test('editors are told what stages and inputs are for', () => {
  const text = JSON.stringify(recipeSchema(fakeKinds));
  assert.match(text, 'Summary of calibrate');
  assert.match(text, 'Name of a stage that makes: model, exported');
});

test.run();
