import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withProject } from './support/project.js';
import { repository } from './support/quern.js';

/**
 * Directory of opt-wren-4m as optimum exports it, which is too large to be checked in:
 *
 *     pip install torch "transformers<4.58" optimum-onnx
 *     optimum-cli export onnx --model recipes/models/opt-wren-4m --task text-generation-with-past DIRECTORY
 */
const exported = process.env.QUERN_WREN_ONNX;

test('opt-wren-4m from ONNX has the quantized perplexities of its checkpoint', async () => {
  if (exported === undefined) {
    console.log('SKIP export of opt-wren-4m: set QUERN_WREN_ONNX to its directory');
    return;
  }
  await withProject(async (project) => {
    const data = join(repository, 'recipes/data');
    const dataset = `{ text: ${join(data, 'evaluation.txt')}, windows: 4, length: 512 }`;
    const rules = '[{ match: { name: lm_head }, keep: float }, { match: { op: MatMul }, scheme: w8a8 }]';
    const stages = (name: string, source: string): string => `
  ${name}: { kind: load, source: ${source} }
  stats_${name}: { kind: calibrate, model: ${name}, dataset: { text: ${join(data, 'calibration.txt')}, windows: 4, length: 512 } }
  smooth_${name}: { kind: smoothquant, model: ${name}, stats: stats_${name} }
  w8a8_${name}: { kind: quantize, model: smooth_${name}, rules: ${rules} }
  quality_${name}: { kind: evaluate, model: w8a8_${name}, dataset: ${dataset} }`;
    const checkpoint = join(repository, 'recipes/models/opt-wren-4m');
    project.write('recipe.yaml', `quern: 1\nstages:${stages('graph', exported)}${stages('checkpoint', checkpoint)}\n`);
    const { stages: built } = await project.build('recipe.yaml');
    const found = (name: string) => built.find((stage) => stage.name === name);
    assert.is(found('stats_graph')?.digest, found('stats_checkpoint')?.digest);
    assert.is(found('smooth_graph')?.metrics.groups, 8);
    assert.ok(Number(found('quality_graph')?.metrics.perplexity) > 1);
    assert.is(found('quality_graph')?.metrics.perplexity, found('quality_checkpoint')?.metrics.perplexity);
  });
});

test.run();
