import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { JsonObject } from '../../src/json.js';
import { datasetProblems, datasetSources, normaliseDataset } from '../../src/stages/dataset-schema.js';

const problemsOf = (dataset: JsonObject): (readonly [string, string])[] =>
  datasetProblems({ dataset }).map(({ pointer, message }) => [pointer.join('.'), message]);

const hubFiles = [
  ...['README.md', 'a/test/0000.parquet', 'a/test/0001.parquet', 'a/train/0000.parquet', 'b/test/0000.parquet'],
  ...['default/test/0000.parquet', 'c/test-00000-of-00001.parquet', 'c/test2-00000-of-00001.parquet'],
];

function selected(dataset: JsonObject, names: readonly string[] = hubFiles): readonly string[] {
  return datasetSources({ dataset })[0]?.select?.(names) ?? [];
}

test('a data set has one origin, and the members that belong to it', () => {
  assert.equal(problemsOf({ text: 'a' }), []);
  assert.equal(problemsOf({ hub: 'a/b', config: 'c', split: 's', revision: 'r', column: 'x', join: '' }), []);
  assert.equal(problemsOf({ windows: 1 }), [['dataset', '`dataset` has none of `text`, `jsonl`, `parquet` and `hub`']]);
  assert.equal(problemsOf({ text: 'a', hub: 'b/c' }), [
    ['dataset.hub', '`dataset` has `text` already: `hub` is another text'],
  ]);
  assert.equal(problemsOf({ text: 'a', join: '', split: 'test' }), [
    ['dataset.split', '`split` belongs to `hub`, not to `text`'],
    ['dataset.join', '`join` belongs to `jsonl` and `parquet` and `hub`, not to `text`'],
  ]);
  assert.equal(problemsOf({ hub: 'a/b/c' }), [['dataset.hub', '`hub` is the name of a data set: organisation/name']]);
});

test('the files of a split are found as the hub and as authors name them', () => {
  assert.equal(selected({ hub: 'o/n', config: 'a' }), ['a/test/0000.parquet', 'a/test/0001.parquet']);
  assert.equal(selected({ hub: 'o/n', config: 'a', split: 'train' }), ['a/train/0000.parquet']);
  assert.equal(selected({ hub: 'o/n' }), ['default/test/0000.parquet']);
  assert.equal(selected({ hub: 'o/n', config: 'c' }), ['c/test-00000-of-00001.parquet']);
  assert.equal(selected({ hub: 'o/n' }, ['data/test-00000-of-00002.parquet']), ['data/test-00000-of-00002.parquet']);
  assert.equal(selected({ hub: 'o/n', split: 'none' }), []);
});

test('a data set of the hub is a source at a revision', () => {
  const pathOf = (dataset: JsonObject) => datasetSources({ dataset }).map(({ path }) => path);
  assert.equal(pathOf({ hub: 'o/n' }), ['hf:datasets/o/n@refs/convert/parquet']);
  assert.equal(pathOf({ hub: 'o/n', revision: 'v/1' }), ['hf:datasets/o/n@v%2F1']);
  assert.equal(pathOf({ text: './a.txt' }), ['./a.txt']);
});

test('what leads to the same text is the same data set', () => {
  const windows = { windows: null, length: 512, stride: 512 };
  assert.equal(normaliseDataset({ text: 'a' }), { text: 'a', ...windows });
  assert.equal(normaliseDataset({ hub: 'a', revision: 'x' }), {
    ...{ hub: 'a', split: 'test', column: 'text', join: '\n\n' },
    ...windows,
  });
  assert.equal(normaliseDataset({ jsonl: 'a', sha256: 'b' }), { jsonl: 'a', field: 'text', join: '\n\n', ...windows });
});

test.run();
