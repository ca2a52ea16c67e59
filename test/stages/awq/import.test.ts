import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { float32Of } from '../../../src/onnx/tensor.js';
import { importAwq } from '../../../src/stages/awq/import/work.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { sourceFiles } from '../../support/source-files.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { type TinyOptions, writeTinyOpt } from '../../support/tiny-opt.js';

const result = join(import.meta.dirname, '../../checkpoints/golden/llm-awq.bin');

function withModels(
  options: TinyOptions,
  use: (model: string, importInto: () => Promise<string>) => Promise<void>,
): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint'), options), join(directory, 'model'));
    await use(model, async () => {
      const to = join(directory, 'imported');
      await importAwq({ ...workPlace(to), inputs: { model }, sources: { import: sourceFiles(result) } });
      return to;
    });
  });
}

function weightOf(directory: string, name: string): Float32Array {
  const layer = findLinearLayers(openModelDirectory(directory).model.graph).find((each) => each.name.endsWith(name))!;
  return float32Of(layer.tensor);
}

test('scales and bounds are applied as llm-awq does', () =>
  withModels({}, async (model, importInto) => {
    const imported = await importInto();
    const before = weightOf(model, '0.self_attn.v_proj');
    const after = weightOf(imported, '0.self_attn.v_proj');
    for (const [index, value] of before.entries()) {
      const [row, column] = [Math.floor(index / 16), index % 16];
      // Rows are multiplied by linspace(0.5, 2, 16), columns divided by its reverse.
      const scaled = (value * (0.5 + row / 10)) / (2 - column / 10);
      const expected = Math.min(Math.max(scaled, -0.25), 0.25);
      assert.ok(Math.abs(after[index]! - expected) < 2e-4, `${row}, ${column}: ${after[index]} and ${expected}`);
    }
    const bounded = weightOf(imported, '0.fc2');
    assert.ok(bounded.some((value) => Math.abs(value) > 0.19));
    for (const [index, value] of bounded.entries()) assert.ok(Math.abs(value) <= 0.05 + (index % 16) / 100 + 1e-4);
    assert.equal(weightOf(imported, '1.fc2'), weightOf(model, '1.fc2'));
    assert.ok((await equivalenceError(model, imported, 1)) > 1e-3);
  }));

test('weights within the bounds leave the model the same function', () =>
  withModels(
    {
      change: (tensor) =>
        tensor.data instanceof Float32Array && /layers\.0\.(self_attn\.v_proj|fc2)\.weight/.test(tensor.name)
          ? { ...tensor, data: tensor.data.map((value) => value / 20) }
          : tensor,
    },
    async (model, importInto) => {
      const imported = await importInto();
      assert.not.equal(weightOf(imported, '0.fc2'), weightOf(model, '0.fc2'));
      assert.ok((await equivalenceError(model, imported, 1)) < 1e-5);
    },
  ));

test('a result of another model is refused by the name of what is not there', () =>
  withModels({ config: { activation_function: 'gelu' } }, async (_model, importInto) => {
    try {
      await importInto();
      assert.unreachable();
    } catch (error) {
      assert.ok(error instanceof QuernError);
      assert.match(error.message, /scales model\.decoder\.layers\.0\.fc2 behind model\.decoder\.layers\.0\.fc1/);
    }
  }));

test.run();
