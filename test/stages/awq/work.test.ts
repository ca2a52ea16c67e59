import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { float32Of } from '../../../src/onnx/tensor.js';
import { type AwqParameters, awq } from '../../../src/stages/awq/work.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { filesOf } from '../../support/files-of.js';
import { loadCheckpoint, textSource, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const parameters: AwqParameters = {
  dataset: { text: 'calibration.txt', windows: 3, length: 24, stride: 24 },
  bits: 4,
  group: 16,
  symmetric: false,
  grid: 20,
  clip: true,
};

async function search(model: string, to: string, changed: Partial<AwqParameters>, threads = 1): Promise<string> {
  await awq({
    ...workPlace(to, threads),
    parameters: { ...parameters, ...changed },
    inputs: { model },
    sources: textSource(),
  });
  return to;
}

function withModel(use: (model: string, directory: string) => Promise<void>): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    await use(await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model')), directory);
  });
}

test('without clipping the model stays the same function, with other weights', () =>
  withModel(async (model, directory) => {
    const scaled = await search(model, join(directory, 'scaled'), { clip: false });
    assert.ok((await equivalenceError(model, scaled, 1)) < 1e-5);
    const table = JSON.parse(readFileSync(join(scaled, 'search.json'), 'utf8'));
    assert.is(table.groups.length, 8);
    assert.ok(table.groups.every(({ relativeLoss }: { relativeLoss: number }) => relativeLoss <= 1));
    assert.ok(table.groups.some(({ ratio }: { ratio: number }) => ratio > 0));
    assert.equal(table.clip, []);
    const values = (from: string, name: string) =>
      float32Of(findLinearLayers(openModelDirectory(from).model.graph).find((layer) => layer.name === name)!.tensor);
    assert.not.equal(values(scaled, 'model.decoder.layers.0.fc1'), values(model, 'model.decoder.layers.0.fc1'));
    assert.equal(values(scaled, 'lm_head'), values(model, 'lm_head'));
  }));

test('clipping leaves out what attention scores are made of', () =>
  withModel(async (model, directory) => {
    const clipped = await search(model, join(directory, 'clipped'), { bits: 3 });
    const table = JSON.parse(readFileSync(join(clipped, 'search.json'), 'utf8'));
    const names: string[] = table.clip.map(({ name }: { name: string }) => name.replace('model.decoder.layers.', ''));
    assert.equal(
      names,
      ['0', '1'].flatMap((layer) =>
        ['self_attn.v_proj', 'self_attn.out_proj', 'fc1', 'fc2'].map((module) => `${layer}.${module}`),
      ),
    );
    assert.ok(table.clip.some(({ clippedShare }: { clippedShare: number }) => clippedShare > 0));
    assert.ok((await equivalenceError(model, clipped, 1)) < 0.2);
  }));

test('two threads and another folder give the same bytes', () =>
  withModel(async (model, directory) => {
    const once = await search(model, join(directory, 'once'), {}, 1);
    const again = await search(model, join(directory, 'elsewhere/again'), {}, 2);
    assert.equal(filesOf(again), filesOf(once));
  }));

test.run();
