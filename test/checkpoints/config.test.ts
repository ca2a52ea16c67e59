import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bookkeepingFields, readModelConfig } from '../../src/checkpoints/config.js';
import { ConfigReader } from '../../src/checkpoints/config-reader.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { inputError } from './support.js';

const embeddedConfig = join(import.meta.dirname, '../../recipes/models/opt-wren-4m/config.json');

test('the embedded model says what it is', () => {
  const { architecture, modelType, fields } = readModelConfig(embeddedConfig);
  assert.is(architecture, 'OPTForCausalLM');
  assert.is(modelType, 'opt');
  assert.is(fields.integer('hidden_size', { min: 1 }), 256);
  assert.is(fields.boolean('do_layer_norm_before'), true);
});

const refusedFiles: readonly (readonly [text: string | undefined, message: RegExp])[] = [
  [undefined, /config\.json does not exist/],
  ['', /config\.json is not valid JSON/],
  ['{"a":NaN}', /config\.json is not valid JSON/],
  ['[1]', /config\.json is not a JSON object/],
  ['null', /config\.json is not a JSON object/],
  ['{"model_type":"opt"}', /config\.json: architectures is missing/],
  ['{"architectures":"OPT","model_type":"opt"}', /architectures must be a list of texts, got "OPT"/],
  ['{"architectures":[],"model_type":"opt"}', /architectures must name one architecture, got 0/],
  ['{"architectures":["A","B"],"model_type":"opt"}', /architectures must name one architecture, got 2/],
  ['{"architectures":["A"]}', /config\.json: model_type is missing: it must be a text/],
];

for (const [text, message] of refusedFiles) {
  test(`refused: ${text ?? 'no file'}`, () =>
    withTemporaryDirectory(async (directory) => {
      const path = join(directory, 'config.json');
      if (text !== undefined) writeFileSync(path, text);
      assert.match(inputError(() => readModelConfig(path)).message, message);
    }));
}

function messageOf(read: () => unknown): string {
  return inputError(read).message;
}

test('a field of the wrong type or size is named with what it must be', () => {
  const fields = new ConfigReader(
    { text: 'x', zero: 0, half: 0.5, huge: 2 ** 40, nothing: null, yes: true, list: [1] },
    'config.json',
  );
  const positive = { min: 1 };
  assert.is(
    messageOf(() => fields.integer('text', positive)),
    'config.json: text must be a positive integer, got "x"',
  );
  assert.match(
    messageOf(() => fields.integer('zero', positive)),
    /must be a positive integer, got 0/,
  );
  assert.match(
    messageOf(() => fields.integer('half', { min: 0 })),
    /must be a non-negative integer, got 0\.5/,
  );
  assert.match(
    messageOf(() => fields.integer('huge', positive)),
    /must be a positive integer, got 1099511627776/,
  );
  assert.match(
    messageOf(() => fields.integer('zero', { min: 2, max: 8 })),
    /must be an integer from 2 to 8, got 0/,
  );
  assert.match(
    messageOf(() => fields.integer('zero', { min: 2 })),
    /must be an integer of at least 2, got 0/,
  );
  assert.match(
    messageOf(() => fields.integer('yes', positive)),
    /got true/,
  );
  assert.match(
    messageOf(() => fields.integer('nothing', positive)),
    /nothing is missing/,
  );
  assert.match(
    messageOf(() => fields.integer('constructor', positive)),
    /constructor is missing/,
  );
  assert.match(
    messageOf(() => fields.number('text')),
    /must be a number, got "x"/,
  );
  assert.match(
    messageOf(() => fields.boolean('zero')),
    /must be true or false, got 0/,
  );
  assert.match(
    messageOf(() => fields.string('yes')),
    /must be a text, got true/,
  );
  assert.match(
    messageOf(() => fields.strings('list')),
    /must be a list of texts, got \[1\]/,
  );
  assert.match(
    messageOf(() => fields.section('list')),
    /must be an object, got \[1\]/,
  );
});

test('a default stands for a field that is missing or null, not for a wrong one', () => {
  const fields = new ConfigReader({ nothing: null, text: 'x' }, 'config.json');
  assert.is(fields.integer('absent', { min: 1, default: 7 }), 7);
  assert.is(fields.integer('nothing', { min: 1, default: null }), null);
  assert.is(fields.boolean('nothing', { default: false }), false);
  assert.is(fields.number('absent', { default: 0 }), 0);
  assert.is(fields.string('absent', { default: '' }), '');
  assert.match(
    messageOf(() => fields.integer('text', { min: 1, default: 7 })),
    /got "x"/,
  );
  assert.is(fields.section('nothing'), undefined);
});

test('one integer may stand for a list, and null is told from what is not there', () => {
  const fields = new ConfigReader({ one: 3, many: [1, 2], wrong: [1, 'x'], nothing: null }, 'config.json');
  assert.equal(fields.integers('one', { min: 0 }), [3]);
  assert.equal(fields.integers('many', { min: 0 }), [1, 2]);
  assert.match(
    messageOf(() => fields.integers('many', { min: 2 })),
    /many must be an integer of at least 2, or a list of such, got \[1,2\]/,
  );
  assert.match(
    messageOf(() => fields.numbers('wrong')),
    /wrong must be a list of numbers/,
  );
  assert.equal([fields.isNull('nothing'), fields.isNull('one'), fields.isNull('absent')], [true, false, false]);
});

test('one of a few texts is read as that', () => {
  const fields = new ConfigReader({ kind: 'linear' }, 'config.json');
  assert.is(fields.oneOf('kind', ['none', 'linear']), 'linear');
  assert.is(fields.oneOf('absent', ['none', 'linear'], { default: 'none' }), 'none');
  assert.is(
    messageOf(() => fields.oneOf('kind', ['none', 'cubic'])),
    'config.json: kind must be one of none, cubic, got "linear"',
  );
});

test('a value the builder can not handle is refused', () => {
  const fields = new ConfigReader({ activation_function: 'gelu', bias: true }, 'config.json');
  fields.require('bias', true);
  fields.require('absent', 'relu');
  assert.is(
    messageOf(() => fields.require('activation_function', 'relu', 'silu')),
    'config.json: activation_function "gelu" is not supported, only "relu" or "silu"',
  );
});

test('fields that nobody read are refused, in sections too', () => {
  const fields = new ConfigReader(
    { hidden_size: 1, torch_dtype: 'float16', none: null, empty: {}, rope: { type: 'x', factor: 2 } },
    'config.json',
  );
  fields.integer('hidden_size', { min: 1 });
  const rope = fields.section('rope');
  rope?.string('type');
  assert.match(
    messageOf(() => fields.refuseUnread(bookkeepingFields)),
    /config\.json: rope\.factor is not supported \(2\)/,
  );
  rope?.number('factor');
  fields.refuseUnread(bookkeepingFields);
  assert.match(
    messageOf(() => fields.refuseUnread(new Set())),
    /torch_dtype is not supported/,
  );
  const off = new ConfigReader({ do_layer_norm_before: false }, 'config.json');
  assert.match(
    messageOf(() => off.refuseUnread(bookkeepingFields)),
    /do_layer_norm_before is not supported \(false\)/,
  );
});

test.run();
