import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { inputError, safetensorsBytes } from './support.js';

const data = new Uint8Array(16);

function described(entry: object): Uint8Array {
  return safetensorsBytes(JSON.stringify({ weight: entry }), data);
}

const good = { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] };

const hostileFiles: readonly (readonly [what: string, bytes: Uint8Array, message: RegExp])[] = [
  ['empty file', new Uint8Array(0), /is empty/],
  ['short file', new Uint8Array(7), /only 7 bytes/],
  ['no header', safetensorsBytes('', new Uint8Array(0)), /does not begin with \{/],
  ['Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /Git LFS pointer/],
  ['header length of 2^64 - 1', safetensorsBytes('{}', data, 2n ** 64n - 1n), /at most 100000000/],
  ['header length over the cap', safetensorsBytes('{}', data, 100_000_001n), /at most 100000000/],
  ['header length beyond the file', safetensorsBytes('{}', data, 19n), /fewer than its header of 19/],
  ['header that is not UTF-8', safetensorsBytes(Uint8Array.of(0x7b, 0xff, 0x7d), data), /not UTF-8/],
  ['header with a byte order mark', safetensorsBytes('\ufeff{}', data), /does not begin with \{/],
  ['header that is not JSON', safetensorsBytes('{"weight":', data), /not valid JSON/],
  ['header that is an array', safetensorsBytes('[]', data), /does not begin with \{/],
  ['header with text after it', safetensorsBytes('{} {}', data), /not valid JSON/],
  ['entry that is a number', safetensorsBytes('{"weight":1}', data), /"weight" is not described by an object/],
  ['entry that is null', safetensorsBytes('{"weight":null}', data), /"weight" is not described by an object/],
  ['entry that is a list', safetensorsBytes('{"weight":[]}', data), /"weight" is not described by an object/],
  ['no dtype', described({ ...good, dtype: undefined }), /"weight" has the unknown dtype undefined/],
  ['unknown dtype', described({ ...good, dtype: 'F31' }), /"weight" has the unknown dtype "F31"/],
  ['dtype of the object prototype', described({ ...good, dtype: 'constructor' }), /"weight" has the unknown dtype/],
  ['no shape', described({ ...good, shape: undefined }), /"weight" has the shape undefined/],
  ['negative dim', described({ ...good, shape: [-2, -2] }), /"weight" has the shape \[-2,-2\]/],
  ['fractional dim', described({ ...good, shape: [0.5, 8] }), /"weight" has the shape/],
  ['dim as a text', described({ ...good, shape: ['2', 2] }), /"weight" has the shape/],
  ['dim beyond 2^53', described({ ...good, shape: [2 ** 53] }), /"weight" has the shape/],
  ['dims with a product beyond 2^53', described({ ...good, shape: [2 ** 30, 2 ** 30] }), /can not be counted/],
  ['dims with a product that wraps to 4', described({ ...good, shape: [2 ** 32, 2 ** 32, 4] }), /can not be counted/],
  ['no data_offsets', described({ ...good, data_offsets: undefined }), /"weight" has data_offsets undefined/],
  ['one data offset', described({ ...good, data_offsets: [0] }), /"weight" has data_offsets \[0\]/],
  ['three data offsets', described({ ...good, data_offsets: [0, 8, 16] }), /not two byte positions/],
  ['negative data offset', described({ ...good, data_offsets: [-16, 0] }), /not two byte positions/],
  ['backward data offsets', described({ ...good, data_offsets: [16, 0] }), /end before they begin/],
  ['data offsets beyond the file', described({ ...good, data_offsets: [0, 20], shape: [5] }), /only 16 bytes of data/],
  ['more elements than bytes', described({ ...good, shape: [5] }), /has 16 bytes of data.*takes 20/],
  ['fewer elements than bytes', described({ ...good, shape: [3] }), /has 16 bytes of data.*takes 12/],
  ['half a byte', described({ dtype: 'F4', shape: [31], data_offsets: [0, 16] }), /can not be counted in bytes/],
  ['trailing bytes', described({ ...good, shape: [3], data_offsets: [0, 12] }), /4 bytes that belong to no tensor/],
  ['no tensor but data', safetensorsBytes('{}', data), /16 bytes that belong to no tensor/],
  ['gap at the start', described({ ...good, shape: [3], data_offsets: [4, 16] }), /"weight" leaves a gap/],
  [
    'gap between tensors',
    safetensorsBytes(
      '{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
      data,
    ),
    /"b" leaves a gap/,
  ],
  [
    'overlap',
    safetensorsBytes(
      '{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
      data,
    ),
    /"b" overlaps/,
  ],
  ['two tensors with the same bytes', safetensorsBytes(JSON.stringify({ a: good, b: good }), data), /"b" overlaps/],
  [
    'the same name twice',
    safetensorsBytes(`{"weight":${JSON.stringify(good)},"weight":${JSON.stringify(good)}}`, data),
    /has "weight" twice/,
  ],
  [
    'the same name twice, once escaped',
    safetensorsBytes(`{"weight":${JSON.stringify(good)}, "\\u0077eight" :${JSON.stringify(good)}}`, data),
    /has "weight" twice/,
  ],
  [
    'the same field twice',
    safetensorsBytes('{"weight":{"dtype":"F32","dtype":"I32","shape":[4],"data_offsets":[0,16]}}', data),
    /has "dtype" twice/,
  ],
  [
    'metadata that is a list',
    safetensorsBytes(JSON.stringify({ __metadata__: [], weight: good }), data),
    /not an object/,
  ],
  [
    'metadata that is a number',
    safetensorsBytes(JSON.stringify({ __metadata__: { format: 1 }, weight: good }), data),
    /"format", which is not a text/,
  ],
];

for (const [what, bytes, message] of hostileFiles) {
  test(`refused: ${what}`, () =>
    withTemporaryDirectory(async (directory) => {
      const path = join(directory, 'model.safetensors');
      writeFileSync(path, bytes);
      const error = inputError(() => openSafetensors(path));
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(path), error.message);
    }));
}

test('a file cut off at any byte is refused', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    const whole = described(good);
    writeFileSync(path, whole);
    assert.is(openSafetensors(path).tensors.size, 1);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      inputError(() => openSafetensors(path));
    }
  }));

test('a message stays short whatever the name of the tensor is', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    writeFileSync(path, safetensorsBytes(JSON.stringify({ ['w\u001b\u009b\u202e'.repeat(100_000)]: 1 }), data));
    const { message } = inputError(() => openSafetensors(path));
    assert.ok(message.length < path.length + 1000);
    assert.not.match(message, /[\p{Cc}\u202e]/u);
  }));

test('a header that is nested deeper than the stack is refused', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    const depth = 200_000;
    const nested = '['.repeat(depth) + ']'.repeat(depth);
    writeFileSync(path, safetensorsBytes(`{"weight":{"dtype":${nested},"shape":[]}}`, data));
    assert.match(inputError(() => openSafetensors(path)).message, /unknown dtype a deeply nested value/);
  }));

test('a missing file and a directory are refused', () =>
  withTemporaryDirectory(async (directory) => {
    assert.match(inputError(() => openSafetensors(join(directory, 'none'))).message, /none does not exist/);
    assert.match(inputError(() => openSafetensors(directory)).message, /is not a file/);
  }));

test.run();
