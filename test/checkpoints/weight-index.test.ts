import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Checkpoint } from '../../src/checkpoints/checkpoint.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';
import { readTensorFloat32 } from '../../src/checkpoints/tensor-data.js';
import { openWeightIndex } from '../../src/checkpoints/weight-index.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { inputError } from './support.js';

const shards = { 'one.safetensors': ['a', 'b'], 'two.safetensors': ['c'] };
const rightMap = { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' };

function openIndex(path: string): Checkpoint {
  const files = [...Object.keys(shards), 'stray.safetensors'].map((name) => join(dirname(path), name));
  return openWeightIndex(path, files, openSafetensors);
}

/** Calls `use` with the path of an index with this text, beside two shards with the tensors a, b and c. */
function withIndex(text: string, use: (path: string) => void): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const model = join(directory, 'model');
    mkdirSync(model);
    for (const [shard, names] of Object.entries(shards)) {
      const tensors = names.map((name) => ({
        name,
        dataType: 'float32' as const,
        dims: [1],
        data: Float32Array.of(name.charCodeAt(0)),
      }));
      writeSafetensors(join(model, shard), tensors, new Map([['format', 'pt']]));
    }
    writeSafetensors(join(directory, 'outside.safetensors'), []);
    const path = join(model, 'model.safetensors.index.json');
    writeFileSync(path, text);
    use(path);
  });
}

test('tensors of all shards are one checkpoint', () =>
  withIndex(JSON.stringify({ metadata: { total_size: 12 }, weight_map: rightMap }), (path) => {
    const { tensors, metadata } = openIndex(path);
    const values = [...tensors.values()].map((tensor) => [tensor.name, ...readTensorFloat32(tensor)]);
    assert.equal(values.sort(), [
      ['a', 97],
      ['b', 98],
      ['c', 99],
    ]);
    assert.equal([...metadata], [['format', 'pt']]);
  }));

const refused: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['not JSON', '{', /index\.json is not valid JSON/],
  ['not an object', '[]', /is not a JSON object/],
  ['no weight_map', '{}', /has no weight_map/],
  ['a weight_map that is a list', '{"weight_map":[]}', /has no weight_map/],
  ['a shard that is no text', '{"weight_map":{"a":1}}', /tensor "a" is in 1, which is not the name/],
  ['a shard above', '{"weight_map":{"a":"../outside.safetensors"}}', /which is not the name of a file/],
  ['a shard above, for Windows', '{"weight_map":{"a":"..\\\\outside.safetensors"}}', /which is not the name of a file/],
  ['an absolute shard', '{"weight_map":{"a":"/outside.safetensors"}}', /which is not the name of a file/],
  ['the directory itself', '{"weight_map":{"a":"."}}', /which is not the name of a file/],
  ['a shard without a name', '{"weight_map":{"a":""}}', /which is not the name of a file/],
  ['a shard with a NUL', '{"weight_map":{"a":"a\\u0000b"}}', /which is not the name of a file/],
  ['a tensor twice', '{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}', /has "a" twice/],
  [
    'a missing shard',
    JSON.stringify({ weight_map: { ...rightMap, d: 'stray.safetensors' } }),
    /stray\.safetensors does not exist/,
  ],
  [
    'a shard that is not among the files of the source',
    JSON.stringify({ weight_map: { ...rightMap, d: 'three.safetensors' } }),
    /names "three\.safetensors", which is not there or not named like a shard/,
  ],
  [
    'a missing tensor',
    JSON.stringify({ weight_map: { ...rightMap, d: 'two.safetensors' } }),
    /tensor "d" is not in two\.safetensors/,
  ],
  [
    'a tensor in another shard',
    JSON.stringify({ weight_map: { ...rightMap, b: 'two.safetensors' } }),
    /does not say that tensor "b" is in one\.safetensors/,
  ],
  [
    'a tensor that is not listed',
    JSON.stringify({ weight_map: { a: 'one.safetensors', c: 'two.safetensors' } }),
    /does not say that tensor "b" is in one\.safetensors/,
  ],
];

for (const [what, text, message] of refused) {
  test(`refused: ${what}`, () =>
    withIndex(text, (path) => {
      assert.match(inputError(() => openIndex(path)).message, message);
    }));
}

test.run();
