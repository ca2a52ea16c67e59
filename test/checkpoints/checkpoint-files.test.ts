import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { companionsOfGraph, findOnnx, findWeightFiles, placeOfGraph } from '../../src/checkpoints/checkpoint-files.js';
import { namesInside } from '../../src/files/names-inside.js';
import { withTemporaryDirectory } from '../support/temporary.js';

test('a graph in the folder onnx is found with its data, but after weights beside the configuration', () => {
  const names = ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/weights/a.weight', 'other/b.weight'];
  const found = {
    format: 'onnx' as const,
    main: 'onnx/model.onnx',
    names: ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/weights/a.weight'],
  };
  assert.equal(findWeightFiles(names, 'auto'), found);
  assert.is(findWeightFiles([...names, 'model.safetensors'], 'auto')?.format, 'safetensors');
  assert.equal(findWeightFiles([...names, 'model.safetensors'], 'onnx'), found);
  assert.is(findOnnx([...names, 'decoder_model_merged.onnx'])?.main, 'decoder_model_merged.onnx');
  assert.is(findWeightFiles(['deep/onnx/model.onnx'], 'auto'), undefined);
});

test('data of another graph is left where it is, data in folders is found', () => {
  const names = ['model.onnx', 'model_q4.onnx', 'model_q4.onnx_data', 'model.onnx_data', 'weights/layers.0.weight'];
  assert.equal(findOnnx(names)?.names, ['model.onnx', 'model.onnx_data', 'weights/layers.0.weight']);
  assert.equal(findOnnx(names, 'model_q4.onnx')?.names, [
    'model_q4.onnx',
    'model_q4.onnx_data',
    'weights/layers.0.weight',
  ]);
});

test('a graph in the folder onnx that is named has the files beside it, and of others those around its folder', () => {
  assert.equal(placeOfGraph('a/onnx/model_q4.onnx'), { directory: 'a', graph: 'onnx/model_q4.onnx' });
  assert.equal(placeOfGraph('a/model_q4.onnx'), { directory: 'a', graph: 'model_q4.onnx' });
  assert.equal(placeOfGraph('hf:org/onnx/model.onnx'), { directory: 'hf:org/onnx', graph: 'model.onnx' });
  assert.is(placeOfGraph('hf:org/name@main/onnx/model.onnx').directory, 'hf:org/name@main');
  const names = [
    'config.json',
    'onnx/model.onnx',
    'onnx/model_q4.onnx',
    'onnx/config.json',
    'tokenizer.json',
    'other.onnx',
  ];
  assert.equal(findOnnx(names, 'onnx/model_q4.onnx')?.names, ['onnx/model_q4.onnx']);
  const companions = companionsOfGraph(names, 'onnx/model_q4.onnx', (name) => /^[^/]+\.json$/.test(name));
  assert.equal(companions, ['tokenizer.json', 'onnx/config.json']);
  const own = companionsOfGraph(names, 'other.onnx', (name) => /^[^/]+\.json$/.test(name));
  assert.equal(own, ['config.json', 'tokenizer.json']);
});

test('a GGUF file of the directory itself comes before those in folders', () => {
  assert.is(findWeightFiles(['old/a.gguf', 'b.gguf'], 'auto')?.main, 'b.gguf');
  assert.is(findWeightFiles(['old/a.gguf'], 'auto')?.main, 'old/a.gguf');
});

test('names inside a directory go two folders deep, and through no link', () =>
  withTemporaryDirectory(async (directory) => {
    for (const name of ['a', 'b/c', 'b/d/e', 'b/d/f/g', '.hidden/h']) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), '');
    }
    symlinkSync(join(directory, 'b'), join(directory, 'link'));
    assert.equal(namesInside(directory).toSorted(), ['a', 'b/c', 'b/d/e', 'link']);
  }));

test.run();
