import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isJsonObject } from '../../src/json.js';
import { ggufBytes, torchStateDict } from '../checkpoints/hostile-files.js';
import { tinyGgufMetadata, tinyGgufTensors } from '../checkpoints/tiny-gguf.js';
import { writeQuantized } from '../models/import/exported-golden.js';
import { tinyTensors, writeTinyOpt } from '../support/tiny-opt.js';
import { type BuildDocument, withProject } from './support/project.js';
import { quern, quernJson } from './support/quern.js';

const shards = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'] as const;

test('a checkpoint gives the same model, whatever format it is in', () =>
  withProject(async ({ directory }) => {
    const sources = ['safetensors', 'torch', 'torch-sharded'].map((name) => writeTinyOpt(join(directory, name)));
    const [, torch = '', sharded = ''] = sources;
    for (const source of [torch, sharded]) rmSync(join(source, 'model.safetensors'));
    const tensors = tinyTensors();
    writeFileSync(join(torch, 'pytorch_model.bin'), torchStateDict(tensors));
    writeFileSync(join(sharded, shards[0]), torchStateDict(tensors.slice(0, 9)));
    writeFileSync(join(sharded, shards[1]), torchStateDict(tensors.slice(9)));
    const places = tensors.map(({ name }, index) => [name, shards[index < 9 ? 0 : 1]]);
    const index = { metadata: {}, weight_map: Object.fromEntries(places) };
    writeFileSync(join(sharded, 'pytorch_model.bin.index.json'), JSON.stringify(index));
    const stages = {
      safetensors: { kind: 'load', source: './safetensors' },
      torch: { kind: 'load', source: './torch' },
      named: { kind: 'load', source: './torch', format: 'torch' },
      sharded: { kind: 'load', source: './torch-sharded', format: 'auto' },
      ...Object.fromEntries(
        ['safetensors', 'torch', 'torch-sharded'].map((name) => [
          `${name}-1`,
          { kind: 'load', source: `./${name}`, layers: 1 },
        ]),
      ),
    };
    writeFileSync(join(directory, 'recipe.yaml'), JSON.stringify({ quern: 1, stages }));
    const { status, stages: built } = await quernJson<BuildDocument>(['build', 'recipe.yaml'], { cwd: directory });
    assert.is(status, 'ok', JSON.stringify(built.map(({ error }) => error)));
    const whole = built.filter(({ name }) => !name.endsWith('-1'));
    const cut = built.filter(({ name }) => name.endsWith('-1'));
    assert.is(new Set(whole.map(({ digest }) => digest)).size, 1);
    assert.is(new Set(cut.map(({ digest }) => digest)).size, 1);
    assert.equal(
      cut.map(({ metrics }) => metrics.layers),
      [1, 1, 1],
    );
    assert.is(
      new Set(whole.map(({ key }) => key)).size,
      3,
      'the name of a format that is found anyway is not in the key',
    );
  }));

test('a quantized graph in the folder onnx is loaded by its path, with the configuration around', () =>
  withProject(async (project) => {
    const repository = writeQuantized(join(project.directory, 'repository'), 'llama-nbits');
    mkdirSync(join(repository, 'onnx'));
    renameSync(join(repository, 'model.onnx'), join(repository, 'onnx/model_q4.onnx'));
    writeFileSync(join(repository, 'onnx/model.onnx'), 'another');
    const stages = { int4: { kind: 'load', source: './repository/onnx/model_q4.onnx' } };
    project.write('recipe.yaml', JSON.stringify({ quern: 1, stages }));
    const { status, stages: built } = await project.build('recipe.yaml');
    assert.is(status, 'ok', built[0]?.error?.message);
    assert.ok(Number(built[0]?.metrics.equivalenceError) < 1e-4);
    const report = await project.json<{ structure: { quantizedLayers: readonly object[] } }>(
      ...['inspect', 'repository/onnx/model_q4.onnx'],
    );
    assert.is(report.structure.quantizedLayers.length, 15);
  }));

test('a GGUF file alone is a model', () =>
  withProject(async ({ directory }) => {
    writeFileSync(join(directory, 'tiny.gguf'), ggufBytes(tinyGgufMetadata, tinyGgufTensors()));
    const stages = { float: { kind: 'load', source: './tiny.gguf' } };
    writeFileSync(join(directory, 'recipe.yaml'), JSON.stringify({ quern: 1, stages }));
    const { stages: built } = await quernJson<BuildDocument>(['build', 'recipe.yaml'], { cwd: directory });
    const [float] = built;
    assert.is(float?.status, 'built', float?.error?.message);
    assert.is(float?.metrics.architecture, 'LlamaForCausalLM');
    assert.is(float?.metrics.parameters, 2480);
    const { stdout } = await quern(['path', 'recipe.yaml', 'float'], { cwd: directory });
    const config: unknown = JSON.parse(readFileSync(join(stdout.trim(), 'config.json'), 'utf8'));
    assert.is(isJsonObject(config) && config.num_key_value_heads, 1);
  }));

test('sources that say too little or too much are errors of the recipe', () =>
  withProject(async ({ directory }) => {
    const model = writeTinyOpt(join(directory, 'model'));
    for (const name of ['a.gguf', 'b.gguf']) writeFileSync(join(model, name), 'GGUF');
    const validate = async (parameters: object): Promise<string> => {
      const stages = { float: { kind: 'load', ...parameters } };
      writeFileSync(join(directory, 'recipe.yaml'), JSON.stringify({ quern: 1, stages }));
      const { code, stdout, stderr } = await quern(['plan', 'recipe.yaml'], { cwd: directory });
      return `${code} ${stdout}${stderr}`;
    };
    assert.match(await validate({ source: './model' }), /^0 /);
    assert.match(await validate({ source: './model/a.gguf' }), /^0 /);
    assert.match(await validate({ source: './model', format: 'gguf' }), /^2 .*several GGUF files: a\.gguf, b\.gguf/s);
    assert.match(await validate({ source: './model', format: 'torch' }), /^2 .*no weights of the format torch/s);
    assert.match(await validate({ source: './model/model.safetensors' }), /^2 .*is a file; a directory is needed/s);
  }));

test.run();
