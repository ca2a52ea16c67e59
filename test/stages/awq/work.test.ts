import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSafetensors } from '../../../src/checkpoints/safetensors.js';
import { readTensorFloat32 } from '../../../src/checkpoints/tensor-data.js';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { type ModelDirectory, openModelDirectory } from '../../../src/models/model-directory.js';
import { float32Of, tensorFromFloat32 } from '../../../src/onnx/tensor.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { dequantizeNBits } from '../../../src/quant/dequantize.js';
import { quantizeGroups } from '../../../src/quant/groups.js';
import { type Matrix, matrix } from '../../../src/quant/matrix.js';
import { type AwqParameters, awq } from '../../../src/stages/awq/work.js';
import { calibrationWindows } from '../../../src/stages/layerwise/calibration-windows.js';
import { compareOutputs } from '../../../src/stages/layerwise/compare-outputs.js';
import { DecoderWalk } from '../../../src/stages/layerwise/decoder-walk.js';
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

test('errors of outputs are those of the layers with rounded weights, the scales of their channels undone', () =>
  withModel(async (model, directory) => {
    const scaled = await search(model, join(directory, 'scaled'), { clip: false });
    const table: { layers: { name: string; outputError: number }[] } = JSON.parse(
      readFileSync(join(scaled, 'search.json'), 'utf8'),
    );
    const { tensors } = openSafetensors(join(scaled, 'awq.safetensors'));
    const { group, symmetric } = parameters;
    const [opened, rounded] = [openModelDirectory(scaled), openModelDirectory(scaled)];
    const change = ({ model: { graph } }: ModelDirectory, weightOf: (weight: Matrix) => Matrix): void => {
      for (const { name, weight, tensor, inputFeatures, outputFeatures } of findLinearLayers(graph)) {
        const changed = weightOf(matrix(float32Of(tensor), inputFeatures, outputFeatures));
        const scales = tensors.get(name);
        const columns = scales === undefined ? undefined : readTensorFloat32(scales);
        const values = changed.values.map((value, index) => value * (columns?.[index % outputFeatures] ?? 1));
        graph.setInitializer(weight, tensorFromFloat32(tensor.dims, values));
      }
    };
    change(opened, (weight) => weight);
    change(rounded, (weight) => dequantizeNBits(quantizeGroups(weight, { bits: 4, group, symmetric })));
    const names = new Set(table.layers.map(({ name }) => name));
    assert.is(names.size, 12);
    const windows = await calibrationWindows(parameters.dataset, opened, textSource());
    const engine = await openEngine({ threads: 1 });
    const squares = compareOutputs(new DecoderWalk(engine, opened, 0), windows, rounded.model, names, () => {});
    engine.close();
    for (const { name, outputError } of table.layers) {
      // What is behind them gets their outputs unscaled here, and is another model.
      if (!/layers\.0\.self_attn\.[qkv]_proj$/.test(name)) continue;
      const { error, output } = squares.of(name)!;
      const expected = Math.sqrt(error / output);
      assert.ok(Math.abs(outputError - expected) < 2e-3 * expected, `${name}: ${outputError}, not ${expected}`);
    }
    assert.ok(table.layers.every(({ outputError }) => outputError > 0 && outputError < 0.3));
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
