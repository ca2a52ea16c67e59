import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fullMask, promptInputs, tokenTensor } from '../../../src/models/decoder-inputs.js';
import { openModelSession } from '../../../src/models/graph-session.js';
import { openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { readModel } from '../../../src/onnx/read.js';
import type { NamedTensors } from '../../../src/ort/engine.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { tensorOver } from '../../../src/ort/tensor-data.js';
import type { LayoutName } from '../../../src/stages/export/layout-names.js';
import { exportModel } from '../../../src/stages/export/work.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { buildGolden, readGolden } from '../../models/golden-models.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

/** A model artifact of a golden model. */
function goldenModel(name: string, directory: string): string {
  const checkpoint = join(directory, 'checkpoint');
  const { model, info } = buildGolden(checkpoint, readGolden(name).configs.given);
  const artifact = join(directory, 'model');
  const companions = [{ name: 'config.json', path: join(checkpoint, 'config.json') }];
  writeModelDirectory(model, artifact, { layout: 'per-tensor', info, companions });
  return artifact;
}

async function exported(model: string, layout: LayoutName, to: string): Promise<string> {
  await exportModel({ ...workPlace(to), parameters: { attention: 'gqa', layout }, inputs: { model } });
  return to;
}

function json(directory: string, name: string) {
  return JSON.parse(readFileSync(join(directory, name), 'utf8'));
}

test('every layout is opened again, and computes the same', () =>
  withTemporaryDirectory(async (directory) => {
    const model = goldenModel('llama-gqa-tied', directory);
    for (const layout of ['plain', 'optimum', 'genai', 'transformersjs'] as const) {
      const result = await exported(model, layout, join(directory, layout));
      assert.is(await equivalenceError(model, result, 1), 0, layout);
      assert.ok(existsSync(join(result, 'config.json')), layout);
    }
  }));

for (const name of ['llama', 'llama-head-size', 'gpt2']) {
  test(`optimum: ${name} takes the places of its tokens from position_ids`, () =>
    withTemporaryDirectory(async (directory) => {
      const model = goldenModel(name, directory);
      const result = await exported(model, 'optimum', join(directory, 'optimum'));
      assert.ok(existsSync(join(result, 'model.onnx_data')));
      const graphModel = readModel(join(result, 'model.onnx'));
      const shapes = Object.fromEntries(graphModel.graph.inputs.map((input) => [input.name, input.type?.shape]));
      assert.equal(shapes.position_ids, ['batch_size', 'sequence_length']);
      assert.equal(shapes.attention_mask, ['batch_size', 'past_sequence_length + sequence_length']);
      assert.is(shapes['past_key_values.0.key']?.[2], 'past_sequence_length');

      const engine = await openEngine({ threads: 1 });
      const { info } = openModelDirectory(result);
      const tokens = readGolden(name).tokens.slice(0, 6);
      const session = openModelSession(engine, graphModel, result);
      const positions = (from: number, count: number) =>
        tensorOver(
          'int64',
          [1, count],
          BigInt64Array.from({ length: count }, (_, index) => BigInt(from + index)).buffer,
        );
      const first = session.run({ ...promptInputs(info, tokens.slice(0, 5)), position_ids: positions(0, 5) });
      const caches: NamedTensors = Object.fromEntries(
        Object.entries(first).map(([key, value]) => [key.replace('present', 'past_key_values'), value]),
      );
      const { logits: _, ...past } = caches;
      const last = {
        input_ids: tokenTensor(tokens.slice(5)),
        attention_mask: fullMask(6),
        position_ids: positions(5, 1),
      };
      const { logits } = session.run({ ...past, ...last }, ['logits']);
      const elsewhere = session.run({ ...past, ...last, position_ids: positions(3, 1) }, ['logits']).logits;
      session.release();
      engine.close();
      const golden = readGolden(name).logits.subarray(5 * info.vocabularySize, 6 * info.vocabularySize);
      assert.ok(largestDistance(golden, logits?.data) < 1e-4);
      assert.ok(largestDistance(golden, elsewhere?.data) > 1e-4, 'other places give other logits');
    }));
}

function largestDistance(expected: Float32Array, actual: unknown): number {
  if (!(actual instanceof Float32Array)) throw new Error('the logits are float32');
  return Math.max(...expected.map((value, index) => Math.abs(value - actual[index]!)));
}

test('genai: the configuration says what the model is', () =>
  withTemporaryDirectory(async (directory) => {
    const result = await exported(goldenModel('llama-gqa-tied', directory), 'genai', join(directory, 'genai'));
    const { model, search } = json(result, 'genai_config.json');
    const { info } = openModelDirectory(result);
    assert.is(model.type, 'llama');
    assert.is(model.vocab_size, info.vocabularySize);
    assert.is(model.context_length, info.maximumPositions);
    assert.is(model.decoder.filename, 'model.onnx');
    assert.is(model.decoder.num_key_value_heads, info.keyValueHeads);
    assert.ok(search.past_present_share_buffer);
  }));

test('transformersjs: files are named after the data type', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    const names = { 'w4-nbits': 'model_q4', w8a8: 'model_int8', 'w8a8-ort': 'model_int8' } as const;
    for (const scheme of ['w4-nbits', 'w8a8', 'w8a8-ort'] as const) {
      const quantized = join(directory, scheme);
      const rules = [{ match: {}, scheme }];
      await quantize({ ...workPlace(quantized), parameters: { rules }, inputs: { model } });
      const result = await exported(quantized, 'transformersjs', `${quantized}-exported`);
      assert.equal(readdirSync(join(result, 'onnx')).sort(), [`${names[scheme]}.onnx`, `${names[scheme]}.onnx_data`]);
      const settings = json(result, 'config.json')['transformers.js_config'];
      assert.is(settings.dtype, names[scheme].slice('model_'.length));
      assert.equal(settings.use_external_data_format, { [`${names[scheme]}.onnx`]: 1 });
    }
    const float = await exported(model, 'transformersjs', join(directory, 'float'));
    assert.equal(readdirSync(join(float, 'onnx')).sort(), ['model.onnx', 'model.onnx_data']);
    assert.is(json(float, 'config.json')['transformers.js_config'].dtype, 'fp32');
    assert.is(json(float, 'config.json').model_type, 'opt');
  }));

test.run();
