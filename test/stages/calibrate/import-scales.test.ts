import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSafetensors } from '../../../src/checkpoints/safetensors.js';
import { writeSafetensors } from '../../../src/checkpoints/safetensors-writer.js';
import { readTensorFloat32 } from '../../../src/checkpoints/tensor-data.js';
import { QuernError } from '../../../src/errors.js';
import { findLinearLayers, type LinearLayer } from '../../../src/models/linear-layers.js';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { importScales } from '../../../src/stages/calibrate/import-scales.js';
import { calibrate } from '../../../src/stages/calibrate/work.js';
import { smoothquant } from '../../../src/stages/smoothquant/work.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { sourceFiles } from '../../support/source-files.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const golden = join(import.meta.dirname, 'golden/tiny-opt.pt');
const layerNames = ['q_proj', 'k_proj', 'v_proj', 'out_proj'].map((name) => `self_attn.${name}`).concat('fc1', 'fc2');

function withTinyOpt(use: (model: string, directory: string) => Promise<void>): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    await use(await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model')), directory);
  });
}

test('scales of a .pt file become statistics as they are, and a model is smoothed by them', () =>
  withTinyOpt(async (model, directory) => {
    const stats = join(directory, 'stats');
    const place = { ...workPlace(stats), inputs: { model }, sources: { import: sourceFiles(golden) } };
    const { metrics } = await calibrate({ ...place, parameters: { import: 'tiny-opt.pt' } });
    assert.equal(metrics, { imported: 13, linearLayers: 13, surplus: [] });
    const { tensors } = openSafetensors(join(stats, 'absmax.safetensors'));
    const query = readTensorFloat32(tensors.get('model.decoder.layers.1.self_attn.q_proj')!);
    assert.equal([...query].slice(0, 3), [1.3, 1.4, 1.5].map(Math.fround));
    assert.is(tensors.get('model.decoder.layers.0.fc2')?.dims[0], 32);
    const smoothed = await smoothquant({
      ...workPlace(join(directory, 'smoothed')),
      parameters: { alpha: 0.5, groups: 'norms' },
      inputs: { model, stats },
    });
    assert.is(smoothed.metrics.groups, 4);
  }));

test('what a file lacks, has besides, or has in another size is said by name', () =>
  withTinyOpt(async (model, directory) => {
    const layers = findLinearLayers(openModelDirectory(model).model.graph);
    const entry = (name: string, values: Float32Array) => ({
      name,
      dataType: 'float32' as const,
      dims: [values.length],
      data: values,
    });
    const all = (change: (layer: LinearLayer) => Float32Array | undefined, ...more: ReturnType<typeof entry>[]) => {
      const path = join(directory, 'scales.safetensors');
      const entries = layers.flatMap((layer) => {
        const values = change(layer);
        return values === undefined ? [] : entry(layer.name, values);
      });
      writeSafetensors(path, [...entries, ...more]);
      return importScales(sourceFiles(path)[0]!, layers);
    };
    const ones = ({ inputFeatures }: LinearLayer): Float32Array => new Float32Array(inputFeatures).fill(1);
    const messageOf = (change: (layer: LinearLayer) => Float32Array | undefined): string => {
      try {
        all(change);
      } catch (error) {
        if (error instanceof QuernError) return error.message;
        throw error;
      }
      return 'nothing was wrong';
    };
    const name = 'model.decoder.layers.1.fc1';
    assert.equal(all(ones, entry('model.decoder.project_in', Float32Array.of(1))).surplus, [
      'model.decoder.project_in',
    ]);
    assert.is(all((layer) => (layer.isHead ? undefined : ones(layer))).tensors.length, 2 * layerNames.length);
    assert.match(
      messageOf((layer) => (layer.name === name ? undefined : ones(layer))),
      /lacks the layers model\.decoder\.layers\.1\.fc1$/,
    );
    assert.match(
      messageOf((layer) => (layer.name === name ? Float32Array.of(1) : ones(layer))),
      /fc1 is \[1\], not \[16\]/,
    );
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.match(
        messageOf((layer) => (layer.name === name ? new Float32Array(16).fill(value) : ones(layer))),
        /fc1 has .* at 0, which is no largest magnitude/,
      );
    }
  }));

test.run();
