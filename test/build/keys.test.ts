import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Action } from '../../src/build/action.js';
import { actionFormat, actionKey, keyParameters } from '../../src/build/action.js';
import { actionDifferences } from '../../src/build/differences.js';
import { checkGates } from '../../src/build/gates.js';
import type { JsonObject } from '../../src/json.js';
import type { StageKind } from '../../src/stages/kind.js';
import { digestOfBytes } from '../../src/store/digest.js';

const digest = (text: string) => digestOfBytes(Buffer.from(text));

const action: Action = {
  format: actionFormat,
  kind: 'smoothquant',
  version: 1,
  parameters: { alpha: 0.5, groups: [{ norm: 'a', linear: ['b', 'c'] }] },
  inputs: { model: digest('model'), stats: digest('stats') },
  sources: {},
  engines: { onnxruntime: '1.30.0' },
  epoch: 0,
};

const kind: StageKind = {
  name: 'test',
  version: 1,
  summary: '',
  produces: 'report',
  parameters: {},
  inputs: {},
  cosmetic: ['to'],
  cores: 'one',
  normalise: (parameters) => ({ size: 1, ...parameters }),
  headline: () => '',
  load: () => Promise.reject(new Error('not needed')),
};

test('the key does not depend on the order of members', () => {
  const reversed = Object.fromEntries(Object.entries(action).reverse()) as unknown as Action;
  assert.is(actionKey(reversed), actionKey(action));
});

test('every member of an action is part of its key', () => {
  const changes: Partial<Action>[] = [
    { kind: 'other' },
    { version: 2 },
    { parameters: { alpha: 0.6 } },
    { inputs: { model: digest('other'), stats: digest('stats') } },
    { sources: { source: digest('x') } },
    { engines: { onnxruntime: '1.31.0' } },
    { hardware: { processor: 'x' } },
    { epoch: 1 },
  ];
  const keys = [action, ...changes.map((change) => ({ ...action, ...change }))].map(actionKey);
  assert.is(new Set(keys).size, keys.length);
});

test('the key of an action is fixed: it is part of the format of stores', () => {
  assert.is(actionKey(action), '3aade43729af6ee5fa59d9893e4a09da040f8548272808aa2fb2074cb810aaf9');
});

test('key parameters are normalised, without cosmetic ones, and with null in the place of sources', () => {
  const parameters = { to: '../dist', dataset: { text: './a.txt', length: 8 }, source: './b' };
  assert.equal(keyParameters(kind, parameters, [['dataset', 'text'], ['source']]), {
    size: 1,
    dataset: { text: null, length: 8 },
    source: null,
  });
});

test('a source that a parameter does not have changes nothing', () => {
  assert.equal(keyParameters(kind, { a: 1 }, [['dataset', 'text']]), { size: 1, a: 1 });
});

test('differences name each field with its value before and after', () => {
  const after: Action = {
    ...action,
    version: 2,
    parameters: { alpha: 0.6, groups: [{ norm: 'a', linear: ['b'] }], added: true },
    inputs: { model: digest('other'), stats: digest('stats') },
  };
  assert.equal(actionDifferences(action, after), [
    { field: 'inputs.model', before: digest('model'), after: digest('other') },
    { field: 'parameters.added', before: undefined, after: true },
    { field: 'parameters.alpha', before: 0.5, after: 0.6 },
    { field: 'parameters.groups[0].linear[1]', before: 'c', after: undefined },
    { field: 'version', before: 1, after: 2 },
  ]);
});

test('actions differ exactly when their keys do', () => {
  const parameters = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue()) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(parameters, parameters, (one, other) => {
      const [left, right] = [one, other].map((value): Action => ({ ...action, parameters: value }));
      assert.is(actionDifferences(left!, right!).length === 0, actionKey(left!) === actionKey(right!));
    }),
  );
});

test('gates: at most, at least, equal, and a metric that is missing', () => {
  const check = (gate: object, metrics: JsonObject) => checkGates([{ metric: 'm', text: '', ...gate }], metrics)[0]?.ok;
  assert.is(check({ max: 0.03 }, { m: 0.03 }), true);
  assert.is(check({ max: 0.03 }, { m: 0.031 }), false);
  assert.is(check({ min: 1 }, { m: 1 }), true);
  assert.is(check({ min: 1 }, { m: 0.9 }), false);
  assert.is(check({ equals: { a: [1] } }, { m: { a: [1] } }), true);
  assert.is(check({ equals: 'x' }, { m: 'y' }), false);
  assert.is(check({ max: 1 }, {}), false);
  assert.is(check({ max: 1 }, { m: 'text' }), false);
});

test.run();
