import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelDirectory, writeModelDirectory } from '../../src/models/model-directory.js';
import type { SchemeName } from '../../src/quant/schemes.js';
import { exportModel } from '../../src/stages/export/work.js';
import { quantize } from '../../src/stages/quantize/work.js';
import { equivalenceError } from '../../src/stages/smoothquant/equivalence.js';
import { loadCheckpoint, workPlace } from '../support/loaded-model.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { writeTinyOpt } from '../support/tiny-opt.js';
import { buildGolden, readGolden } from './golden-models.js';

const products = /^(MatMul|DynamicQuantizedMatMul)/;

function countProducts(directory: string): number {
  return openModelDirectory(directory).model.graph.nodes.filter(({ opType }) => products.test(opType)).length;
}

async function fused(model: string, to: string): Promise<string> {
  await exportModel({ ...workPlace(to), parameters: { attention: 'gqa', fuse: true }, inputs: { model } });
  return to;
}

const schemes: readonly SchemeName[] = [
  'w8a8',
  'w8a8-channel',
  'w8a16',
  'w8a8-ort',
  'w8a8-ort-channel',
  'w4-nbits',
  'w4-g32',
  'w8-g32',
];

test('joined products of quantized weights give the same logits to the last bit', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    for (const scheme of schemes) {
      const place = join(directory, scheme);
      const parameters = { rules: [{ match: {}, scheme }] };
      await quantize({ ...workPlace(place), parameters, inputs: { model } });
      const result = await fused(place, `${place}-fused`);
      assert.is(await equivalenceError(place, result, 1), 0, scheme);
      assert.is(countProducts(place), 13);
      assert.is(countProducts(result), 9, 'queries, keys and values of two layers');
    }
  }));

test('float products are joined, too, also gate and up', () =>
  withTemporaryDirectory(async (directory) => {
    const { model, info } = buildGolden(join(directory, 'checkpoint'), readGolden('llama-gqa-tied').configs.given);
    const artifact = join(directory, 'model');
    writeModelDirectory(model, artifact, { layout: 'per-tensor', info, companions: [] });
    const result = await fused(artifact, join(directory, 'fused'));
    assert.ok((await equivalenceError(artifact, result, 1)) < 1e-6);
    assert.is(countProducts(artifact) - countProducts(result), 3 * info.layers);
    const names = openModelDirectory(result).model.graph.nodes.map(({ name }) => name);
    assert.ok(names.includes('model.layers.0.self_attn.q_proj+k_proj+v_proj'));
    assert.ok(names.includes('model.layers.0.mlp.gate_proj+up_proj'));
  }));

test.run();
