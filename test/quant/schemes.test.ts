import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FromSchema } from 'json-schema-to-ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { schemeSchema } from '../../src/quant/scheme-schema.js';
import { resolveScheme, type SchemeChoice, schemeNames } from '../../src/quant/schemes.js';

const validate = new Ajv2020().compile(schemeSchema);

test('the schema and the type describe the same values', () => {
  // Assignments in both directions: the compiler is the test.
  const described = (choice: SchemeChoice): FromSchema<typeof schemeSchema> => choice;
  const chosen = (description: FromSchema<typeof schemeSchema>): SchemeChoice => description;
  assert.is(chosen(described('w8a8')), 'w8a8');
});

test('every preset is a full description that the schema accepts', () => {
  for (const name of schemeNames) {
    assert.ok(validate(name), name);
    assert.ok(validate(resolveScheme(name)), name);
  }
});

test('presets differ from each other', () => {
  assert.is(new Set(schemeNames.map((name) => JSON.stringify(resolveScheme(name)))).size, schemeNames.length);
});

test('presets are what their names say', () => {
  const int8 = resolveScheme('w8a8-ort-channel');
  assert.is(int8.form, 'qoperator');
  assert.is(int8.weights.granularity, 'channel');
  assert.is(int8.activations.type, 'uint8');
  const int4 = resolveScheme('w4-nbits');
  assert.ok(
    int4.form === 'nbits' &&
      int4.weights.granularity === 'group' &&
      int4.weights.group === 32 &&
      int4.weights.symmetric &&
      int4.accuracyLevel === 0,
  );
});

test('a full description is taken as it is', () => {
  const scheme = resolveScheme('w4-nbits');
  assert.is(resolveScheme(scheme), scheme);
});

test('unknown names and impossible combinations are refused', () => {
  const nbits = resolveScheme('w4-nbits');
  const wrong = [
    'w8a9',
    { ...resolveScheme('w8a8'), form: 'qoperator' },
    { ...resolveScheme('w8a8'), activations: { type: 'float32' } },
    { ...resolveScheme('w8a8'), accuracyLevel: 4 },
    { ...nbits, weights: { ...nbits.weights, group: 48 } },
    { ...nbits, weights: { ...nbits.weights, granularity: 'tensor' } },
    { ...nbits, accuracyLevel: undefined },
  ];
  for (const choice of wrong) assert.not(validate(choice), JSON.stringify(choice));
});

test.run();
