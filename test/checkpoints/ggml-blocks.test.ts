import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type BlockType, blockSizes } from '../../src/checkpoints/checkpoint.js';
import { readTensorFloat32 } from '../../src/checkpoints/tensor-data.js';
import { isJsonObject } from '../../src/json.js';
import { withTemporaryDirectory } from '../support/temporary.js';

const golden: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'golden/ggml-blocks.json'), 'utf8'));

function goldenBytes(type: string, field: string): Buffer {
  const entry = isJsonObject(golden) ? golden[type] : undefined;
  return Buffer.from(String(isJsonObject(entry) ? entry[field] : ''), 'base64');
}

for (const [type, { elements, bytes }] of Object.entries(blockSizes)) {
  test(`${type} has the values that gguf-py gives it`, () =>
    withTemporaryDirectory(async (directory) => {
      const path = join(directory, 'blocks');
      const data = goldenBytes(type, 'data');
      const expected = new Float32Array(new Uint8Array(goldenBytes(type, 'values')).buffer);
      assert.is(data.length, 3 * bytes);
      assert.is(expected.length, 3 * elements);
      writeFileSync(path, Buffer.concat([Buffer.alloc(5), data]));
      const dims = [3, elements];
      const tensor = { name: 'w', dataType: type as BlockType, dims, path, offset: 5, byteLength: data.length };
      assert.equal(readTensorFloat32(tensor), expected);
    }));
}

test('blocks that go over a chunk are read whole', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'blocks');
    const one = goldenBytes('q6_k', 'data');
    const repeats = 7000;
    writeFileSync(path, Buffer.concat(Array.from({ length: repeats }, () => one)));
    const byteLength = repeats * one.length;
    const values = readTensorFloat32({
      name: 'w',
      dataType: 'q6_k',
      dims: [repeats * 3, 256],
      path,
      offset: 0,
      byteLength,
    });
    const expected = Buffer.from(goldenBytes('q6_k', 'values'));
    for (const repeat of [0, 6657, 6658, repeats - 1]) {
      const part = values.slice(repeat * 768, (repeat + 1) * 768);
      assert.ok(expected.equals(Buffer.from(part.buffer)));
    }
  }));

test.run();
