import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeTinyOpt } from '../support/tiny-opt.js';
import { withProject } from './support/project.js';

const recipe = `quern: 1
stages:
  float: { kind: load, source: ./model }
  int4:
    kind: quantize
    model: float
    rules:
      - { match: { op: Gather, name: "re:.*embed_tokens" }, scheme: w4-g32 }
      - { match: {}, scheme: awqplus }
  genai: { kind: export, model: int4, layout: genai, form: nbits, to: dist/genai }
  browser: { kind: export, model: int4, layout: transformersjs, fuse: true, to: dist/browser }
  pairs: { kind: export, model: int4, layout: optimum, form: qdq, opset: 21, to: dist/pairs }
  run: { kind: run, model: browser, tasks: [decode, validate], devices: [cpu], prompts: [The ship], newTokens: 2 }
`;

test('one model is exported for several readers, and an export is run', () =>
  withProject(async (project) => {
    writeTinyOpt(join(project.directory, 'model'));
    writeFileSync(join(project.directory, 'recipe.yaml'), recipe);
    const built = await project.build('recipe.yaml');
    const failed = built.stages.filter(({ status }) => status !== 'built');
    assert.equal(failed, []);
    const metrics = (name: string) => built.stages.find((stage) => stage.name === name)?.metrics ?? {};
    assert.equal(metrics('int4').embeddings, ['model.decoder.embed_tokens']);
    assert.is(metrics('int4').keptNodes, 0);
    assert.is(metrics('browser').fusedProducts, 6);
    assert.is(metrics('run').top1Agreement, 1);
    const dist = join(project.directory, 'dist');
    assert.ok(existsSync(join(dist, 'genai/genai_config.json')));
    assert.equal(readdirSync(join(dist, 'browser/onnx')).sort(), ['model_q4.onnx', 'model_q4.onnx_data']);
    assert.is(
      JSON.parse(readFileSync(join(dist, 'browser/config.json'), 'utf8'))['transformers.js_config'].dtype,
      'q4',
    );
    assert.ok(existsSync(join(dist, 'pairs/model.onnx_data')));
  }));

test.run();
