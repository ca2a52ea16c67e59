import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inspectModel } from '../../src/inspect/model-report.js';
import { modelReportRows } from '../../src/inspect/report-lines.js';
import { quantize } from '../../src/stages/quantize/work.js';
import { writeExported } from '../models/import/exported-golden.js';
import { loadCheckpoint, textSource, workPlace } from '../support/loaded-model.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { writeTinyOpt } from '../support/tiny-opt.js';

const wren = join(import.meta.dirname, '../../recipes/models/opt-wren-4m');

/** Puts the weights of the small model into a directory, with other fields in their config.json. */
function copyWren(directory: string, fields: object): void {
  copyFileSync(join(wren, 'model.safetensors'), join(directory, 'model.safetensors'));
  const config: object = JSON.parse(readFileSync(join(wren, 'config.json'), 'utf8'));
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...config, ...fields }));
}

test('a checkpoint is described down to its linear layers', async () => {
  const report = await inspectModel(wren);
  assert.is(report.model?.architecture, 'OPTForCausalLM');
  assert.is(report.model?.hiddenSize, 256);
  assert.is(report.tokenizer, 'tokenizer.json, vocab.json, merges.txt');
  assert.equal(report.unsupported, []);
  const [tensors] = report.tensors;
  assert.is(report.tensors.length, 1);
  assert.is(tensors?.dataType, 'float16');
  assert.is(tensors?.bytes, 2 * report.elements);
  const { structure } = report;
  assert.is(structure?.linearLayers.length, 25);
  assert.equal(structure?.linearLayers[4], {
    name: 'model.decoder.layers.0.fc1',
    inputFeatures: 256,
    outputFeatures: 1024,
    decoderLayer: 0,
  });
  assert.is(structure?.linearLayers.at(-1)?.decoderLayer, null);
  const groupsOf = (isExtended: boolean) =>
    structure?.smoothingGroups.filter(({ extended }) => extended === isExtended).map(({ source }) => source) ?? [];
  assert.is(groupsOf(false).length, 8);
  assert.equal(groupsOf(true).slice(0, 2), ['model.decoder.layers.0.self_attn.v_proj', 'model.decoder.layers.0.fc1']);
  assert.equal(structure?.notSmoothed, [
    { name: 'model.decoder.final_layer_norm', reason: 'lm_head makes the logits and is not smoothed' },
  ]);
  assert.is(structure?.segments, 4);
  assert.equal(structure?.operators[1], { type: 'MatMul', count: 25 });
});

test('decoder layers that are alike share a line', async () => {
  const rows = modelReportRows(await inspectModel(wren)).map((row) => row.join(' '));
  assert.ok(rows.includes('linear model.decoder.layers.*.fc1 [256, 1024]  4 times'), rows.join('\n'));
  assert.ok(rows.includes('linear lm_head [256, 4096]'));
});

test('what is not supported is said, and the rest is there all the same', () =>
  withTemporaryDirectory(async (directory) => {
    copyWren(directory, { architectures: ['WrenForCausalLM'], model_type: 'wren' });
    const report = await inspectModel(directory);
    assert.is(report.model, null);
    assert.is(report.structure, null);
    assert.is(report.tensors[0]?.tensors, 68);
    assert.is(report.unsupported.length, 1);
    assert.match(String(report.unsupported[0]), /Wren/);
  }));

test('a model without a tokenizer can be looked at', () =>
  withTemporaryDirectory(async (directory) => {
    copyWren(directory, {});
    const report = await inspectModel(directory);
    assert.is(report.tokenizer, null);
    assert.is(report.model?.layers, 4);
    assert.equal(report.unsupported, ["there is no tokenizer, so text can't be turned into tokens"]);
  }));

test('weights alone have tensors and no architecture', async () => {
  const report = await inspectModel(join(wren, 'model.safetensors'));
  assert.is(report.model, null);
  assert.is(report.tensors[0]?.tensors, 68);
  assert.match(String(report.unsupported[0]), /name the directory/);
});

test('an exported graph is described as its checkpoint is, without its weights being exported again', () =>
  withTemporaryDirectory(async (directory) => {
    const report = await inspectModel(writeExported(directory, 'opt-past'));
    assert.is(report.model?.architecture, 'OPTForCausalLM');
    assert.is(report.structure?.segments, 2);
    assert.is(report.structure?.linearLayers.length, 13);
    assert.ok(report.structure?.linearLayers.some(({ name }) => name === 'model.decoder.layers.1.fc2'));
    assert.is(report.structure?.smoothingGroups.filter(({ extended }) => !extended).length, 4);
    assert.equal(await inspectModel(join(directory, 'model.onnx')), { ...report, path: join(directory, 'model.onnx') });
    writeFileSync(join(directory, 'config.json'), '{"architectures": ["OPTForCausalLM"], "vocab_size": 64}');
    const { model, unsupported } = await inspectModel(directory);
    assert.is(model, null);
    assert.match(String(unsupported[0]), /hidden_size is missing/);
  }));

test('quantized layers have the names of their modules and the errors that their stage has found', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    const rules = [
      { match: { layers: [0] }, scheme: 'w8a8-ort' as const },
      { match: { name: 'lm_head' }, scheme: 'w4-g32' as const },
      { match: {}, scheme: 'w8a8' as const },
    ];
    const dataset = { text: 'calibration.txt', windows: 2, length: 24, stride: 24 };
    const place = { ...workPlace(join(directory, 'quantized')), inputs: { model }, sources: textSource() };
    const { metrics } = await quantize({ ...place, parameters: { rules, dataset } });
    const report = await inspectModel(join(directory, 'quantized'));
    const layers = report.structure?.quantizedLayers ?? [];
    assert.is(layers.length, 13);
    assert.is(layers[0]?.name, 'model.decoder.layers.0.self_attn.q_proj');
    assert.is(layers[0]?.activations, 'uint8');
    assert.is(layers.at(-1)?.name, 'lm_head');
    assert.is(Math.max(...layers.map(({ outputError }) => Number(outputError))), metrics.largestOutputError);
    assert.is(Math.max(...layers.map(({ weightError }) => Number(weightError))), metrics.largestWeightError);
    const errors = modelReportRows(report).filter(([heading]) => heading === 'errors');
    assert.is(errors.length, 2);
    assert.match(errors[0]?.[1] ?? '', /^weights up to .*% \(lm_head\)$/);
    rmSync(join(directory, 'quantized/quantization.json'));
    const unknown = (await inspectModel(join(directory, 'quantized'))).structure?.quantizedLayers[0];
    assert.is(unknown?.weightError, null);
    assert.is(unknown?.outputError, null);
  }));

test.run();
