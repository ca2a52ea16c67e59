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
  awq4: [87.42, 0.004],
  awq3: [88.83, 0.004],
} as const;

const keepHead = '{ match: { name: lm_head }, keep: float }';
const quantized = (source: string, scheme: string) =>
  `{ kind: quantize, model: ${source}, rules: [${keepHead}, { match: { op: MatMul }, scheme: ${scheme} }] }`;

const calibration = `dataset: { text: ${join(data, 'wiki.valid.without-unk.txt')}, windows: 16, length: 512 }`;

/** What GPTQ must not exceed: rounding to nearest alone, and within half a percent AWQ and itself. */
const bounds: { readonly [name: string]: (perplexities: { readonly [name: string]: number }) => number } = {
  gptq4: ({ w4 }) => w4!,
  gptq3: ({ w3 }) => w3!,
  both4: ({ awq4, gptq4 }) => Math.min(awq4!, gptq4!) * 1.005,
  both3: ({ awq3, gptq3 }) => Math.min(awq3!, gptq3!) * 1.005,
};

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
  awq4: ${quantized('scaled4', 'w4-g128')}
  awq3: ${quantized('scaled3', 'w3-g128')}
  scaled4: { kind: awq, model: float, bits: 4, group: 128, ${calibration} }
  scaled3: { kind: awq, model: float, bits: 3, group: 128, ${calibration} }
  gptq4: { kind: gptq, model: float, bits: 4, group: 128, ${calibration} }
  gptq3: { kind: gptq, model: float, bits: 3, group: 128, ${calibration} }
  both4: { kind: gptq, model: scaled4, bits: 4, group: 128, ${calibration} }
  both3: { kind: gptq, model: scaled3, bits: 3, group: 128, ${calibration} }
${[...Object.keys(expected), ...Object.keys(bounds)].map((name) => `  of_${name}: ${evaluate(name)}\n`).join('')}`,
    );
    const { stages } = await project.build('recipe.yaml');
    const found = Object.fromEntries(
      stages
        .filter(({ name }) => name.startsWith('of_'))
        .map(({ name, metrics }) => [name.slice(3), Number(metrics?.perplexity)]),
    );
    for (const [name, [perplexity, tolerance]] of Object.entries(expected)) {
      const isNear = Math.abs(found[name]! / perplexity - 1) <= tolerance;
      assert.ok(isNear, `${name}: ${found[name]} instead of ${perplexity}`);
    }
    for (const [name, bound] of Object.entries(bounds)) {
      assert.ok(found[name]! <= bound(found), `${name}: ${found[name]} is more than ${bound(found)}`);
    }
  });
});

test.run();
