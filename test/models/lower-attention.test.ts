import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModelConfig } from '../../src/checkpoints/config.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { lowerAttention } from '../../src/models/lower-attention.js';
import { opt } from '../../src/models/opt.js';
import type { Model } from '../../src/onnx/model.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { writeTinyOpt } from '../support/tiny-opt.js';

function withTinyModel(use: (model: Model) => void): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    writeTinyOpt(directory);
    const config = readModelConfig(join(directory, 'config.json'));
    use(opt.build(config, openSafetensors(join(directory, 'model.safetensors')), {}).model);
  });
}

const outputNames = ['logits', 'present.0.key', 'present.0.value', 'present.1.key', 'present.1.value'];

test('lowering keeps the names of inputs, outputs and attention nodes', () =>
  withTinyModel((model) => {
    const inputs = model.graph.inputs.map(({ name }) => name);
    assert.is(lowerAttention(model), 2);
    assert.equal(
      model.graph.inputs.map(({ name }) => name),
      inputs,
    );
    assert.equal(
      model.graph.outputs.map(({ name }) => name),
      outputNames,
    );
    const lowered = model.graph.nodes.filter(({ opType }) => opType === 'GroupQueryAttention');
    assert.equal(
      lowered.map(({ name }) => name),
      ['model.decoder.layers.0.self_attn', 'model.decoder.layers.1.self_attn'],
    );
    assert.not(model.graph.nodes.some(({ opType }) => opType === 'Attention'));
  }));

test('lowering twice changes nothing more', () =>
  withTinyModel((model) => {
    lowerAttention(model);
    const nodes = model.graph.nodeCount;
    assert.is(lowerAttention(model), 0);
    assert.is(model.graph.nodeCount, nodes);
  }));

test.run();
