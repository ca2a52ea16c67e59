import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withProject } from './support/project.js';
import { repository } from './support/quern.js';

const data = join(repository, '../shared/data/wikitext-2-raw');
const model = join(repository, 'recipes/models/opt-wren-4m');
const windows = 64;

/** Perplexities of an independent implementation over the first 64 windows, and how far from them is near enough. */
const expected = {
  float: [87.021, 0.0002],
  w8a8: [95.618, 0.004],
  smooth: [87.051, 0.002],
  ort: [93.5, 0.004],
  nbits: [89.892, 0.001],
  w4: [90.644, 0.001],
  w3: [101.06, 0.001],
} as const;

const keepHead = '{ match: { name: lm_head }, keep: float }';
const quantized = (source: string, scheme: string) =>
  `{ kind: quantize, model: ${source}, rules: [${keepHead}, { match: { op: MatMul }, scheme: ${scheme} }] }`;

test('perplexities on WikiText-2 are those of an independent implementation', async () => {
  if (!existsSync(data)) {
    console.log('SKIP WikiText-2 is not there');
    return;
  }
  await withProject(async (project) => {
    const evaluate = (name: string) =>
      `{ kind: evaluate, model: ${name}, dataset: { text: ${join(data, 'wiki.test.raw')}, windows: ${windows}, length: 512 } }`;
    project.write(
      'recipe.yaml',
      `quern: 1
stages:
  float: { kind: load, source: ${model} }
  stats: { kind: calibrate, model: float, dataset: { text: ${join(data, 'wiki.valid.without-unk.txt')}, windows: 64, length: 512 } }
  smoothed: { kind: smoothquant, model: float, stats: stats, alpha: 0.5 }
  w8a8: ${quantized('float', 'w8a8')}
  smooth: ${quantized('smoothed', 'w8a8')}
  ort: ${quantized('float', 'w8a8-ort')}
  nbits: ${quantized('float', 'w4-nbits')}
  w4: ${quantized('float', 'w4-g128')}
  w3: ${quantized('float', 'w3-g128')}
${Object.keys(expected)
  .map((name) => `  of_${name}: ${evaluate(name)}\n`)
  .join('')}`,
    );
    const { stages } = await project.build('recipe.yaml');
    for (const [name, [perplexity, tolerance]] of Object.entries(expected)) {
      const stage = stages.find((candidate) => candidate.name === `of_${name}`);
      const found = Number(stage?.metrics.perplexity);
      const isNear = Math.abs(found / perplexity - 1) <= tolerance;
      assert.ok(isNear, `${name}: ${found} instead of ${perplexity} (${stage?.error?.message})`);
    }
  });
});

test.run();
