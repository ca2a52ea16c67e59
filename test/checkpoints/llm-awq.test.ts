import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readLlmAwq } from '../../src/checkpoints/llm-awq.js';
import { readTensorFloat32 } from '../../src/checkpoints/tensor-data.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { pickleOf, torchZip } from './hostile-files.js';
import { inputError } from './support.js';

const golden = join(import.meta.dirname, 'golden');
const layer = 'model.decoder.layers.0';

test('scales and bounds of a search by llm-awq', () => {
  const { scales, clip } = readLlmAwq(join(golden, 'llm-awq.bin'));
  assert.equal(
    scales.map(({ source, layers }) => [source, layers]),
    [
      [`${layer}.self_attn_layer_norm`, ['q', 'k', 'v'].map((name) => `${layer}.self_attn.${name}_proj`)],
      [`${layer}.self_attn.v_proj`, [`${layer}.self_attn.out_proj`]],
      [`${layer}.fc1`, [`${layer}.fc2`]],
    ],
  );
  assert.equal([...readTensorFloat32(scales[0]!.scales)].at(-1), 2);
  assert.is(scales[1]!.scales.dataType, 'float16');
  assert.equal(
    clip.map(({ layer: name, bounds }) => [name, bounds.dims]),
    [
      [`${layer}.self_attn.v_proj`, [16, 2, 1]],
      [`${layer}.fc2`, [16, 1, 1]],
    ],
  );
});

test('files of PyTorch that are no result of a search are refused', () =>
  withTemporaryDirectory(async (directory) => {
    const messageOf = (path: string): string => inputError(() => readLlmAwq(path)).message;
    assert.match(messageOf(join(golden, 'trainer.bin')), /has no list "scale"/);
    assert.match(messageOf(join(golden, 'evil.bin')), /"posix\.system" is not allowed/);
    const path = join(directory, 'result.pt');
    // {"scale": [(1,)], "clip": []}
    writeFileSync(path, torchZip({ 'archive/data.pkl': pickleOf('}(U\x05scale](K\x01\x85eU\x04clip]u.') }));
    assert.match(messageOf(path), /entry 0 of "scale"/);
    writeFileSync(path, torchZip({ 'archive/data.pkl': pickleOf('].') }));
    assert.match(messageOf(path), /is not the result of a search by llm-awq/);
  }));

test.run();
