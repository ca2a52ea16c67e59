import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findEmbeddings } from '../../../src/models/embeddings.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { float32Of, tensorFromFloat32 } from '../../../src/onnx/tensor.js';
import { dequantizeNBits } from '../../../src/quant/dequantize.js';
import { matrix } from '../../../src/quant/matrix.js';
import type { NBitsScheme, SchemeName } from '../../../src/quant/schemes.js';
import { resolveScheme } from '../../../src/quant/schemes.js';
import { exportModel } from '../../../src/stages/export/work.js';
import { quantizeNBitsWeight } from '../../../src/stages/quantize/quantize-weight.js';
import type { Rule } from '../../../src/stages/quantize/rule.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const table = 'model.decoder.embed_tokens';

function withTinyModel(use: (model: string, directory: string) => Promise<void>): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    await use(await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model')), directory);
  });
}

async function quantized(model: string, rules: readonly Rule[], to: string) {
  return (await quantize({ ...workPlace(to), parameters: { rules }, inputs: { model } })).metrics;
}

/** The float model with the rows that the codes of its table stand for. */
function restored(model: string, to: string, { weights }: NBitsScheme): string {
  const { model: opened, info } = openModelDirectory(model);
  const embedding = findEmbeddings(opened.graph).find(({ name }) => name === table);
  if (embedding === undefined) throw new Error('no table');
  const { rows, features, tensor } = embedding;
  const turned = transposed(float32Of(tensor), rows, features);
  const { values } = dequantizeNBits(quantizeNBitsWeight(matrix(turned, features, rows), weights).weight);
  opened.graph.setInitializer(
    embedding.weight,
    tensorFromFloat32([rows, features], transposed(values, features, rows)),
  );
  writeModelDirectory(opened, to, { layout: 'per-tensor', info, companions: companionsOf(model) });
  return to;
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]!);
}

const schemes: readonly SchemeName[] = ['w4-nbits', 'w4-g32', 'w3-g128', 'w8-g32'];

test('an embedding in groups gives exactly the rows that its codes stand for', () =>
  withTinyModel(async (model, directory) => {
    for (const scheme of schemes) {
      const place = join(directory, scheme);
      const rules: Rule[] = [{ match: { op: 'Gather', name: table }, scheme }];
      const metrics = await quantized(model, rules, place);
      assert.equal(metrics.embeddings, [table]);
      assert.is(metrics.quantizedNodes, 0);
      const full = resolveScheme(scheme);
      if (full.form !== 'nbits') throw new Error(scheme);
      assert.is(await equivalenceError(restored(model, `${place}-restored`, full), place, 1), 0, scheme);
      assert.ok((await equivalenceError(model, place, 1)) > 0, scheme);
      const parameters = { attention: 'gqa', form: 'float' } as const;
      if (scheme !== 'w4-g32') continue;
      const both = await quantized(model, [...rules, { match: { name: 'lm_head' }, scheme }], `${place}-both`);
      assert.ok(Number(both.bytes) < Number(metrics.bytes));
      await exportModel({ ...workPlace(`${place}-float`), parameters, inputs: { model: `${place}-both` } });
      assert.ok((await equivalenceError(`${place}-both`, `${place}-float`, 1)) < 1e-5);
    }
  }));

test('an export holds the codes of a tied table and head once', () =>
  withTinyModel(async (model, directory) => {
    const scheme: NBitsScheme = {
      form: 'nbits',
      weights: { type: 'int4', granularity: 'group', group: 16, symmetric: false, scale: 'amd' },
      activations: { type: 'float32' },
      accuracyLevel: 0,
    };
    const bytesOf = async (name: string, rules: readonly Rule[]): Promise<number> => {
      const [place, to] = [join(directory, name), join(directory, `${name}-exported`)];
      await quantized(model, rules, place);
      await exportModel({ ...workPlace(to), parameters: { attention: 'gqa' }, inputs: { model: place } });
      assert.is(await equivalenceError(place, to, 1), 0);
      return statSync(join(to, 'model.onnx.data')).size;
    };
    const head: Rule = { match: { name: 'lm_head' }, scheme };
    const both = await bytesOf('both', [head, { match: { op: 'Gather', name: table }, scheme }]);
    const headAlone = await bytesOf('head', [head]);
    const floatTableBytes = 4096 * 16 * 4;
    assert.is(headAlone - both, floatTableBytes);
  }));

test('rules without `op: Gather` leave embeddings, and the account names those that are quantized', () =>
  withTinyModel(async (model, directory) => {
    const layers = join(directory, 'layers');
    assert.is((await quantized(model, [{ match: {}, scheme: 'w4-g32' }], layers)).embeddings, undefined);
    assert.is(findEmbeddings(openModelDirectory(layers).model.graph).length, 2);
    const all = join(directory, 'all');
    await quantized(
      model,
      [
        { match: { op: 'Gather' }, scheme: 'w8-g32' },
        { match: {}, scheme: 'w4-g32' },
      ],
      all,
    );
    const { nodes } = JSON.parse(readFileSync(join(all, 'quantization.json'), 'utf8'));
    assert.is(nodes.length, 15);
    assert.equal(Object.keys(nodes[0]), [
      'name',
      'rule',
      'scheme',
      'rows',
      'features',
      'sizeBytesBefore',
      'sizeBytesAfter',
      'relativeError',
      'largestError',
    ]);
    assert.ok(nodes[0].relativeError > 0 && nodes[0].relativeError < 0.01);
    assert.is(nodes[0].sizeBytesBefore, 4096 * 16 * 4);
    assert.is(nodes[0].sizeBytesAfter, 4096 * (16 + 4 + 1), 'codes, a scale and a zero point for each row');
  }));

test.run();
