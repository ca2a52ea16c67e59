import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { type GptqParameters, gptq } from '../../../src/stages/gptq/work.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { loadCheckpoint, textSource, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const parameters: GptqParameters = {
  dataset: { text: 'calibration.txt', windows: 8, length: 24, stride: 24 },
  bits: 4,
  group: 16,
  symmetric: false,
  damp: 0.01,
  actOrder: true,
};

const rules = [
  { match: { name: 'lm_head' }, keep: 'float' as const },
  {
    match: {},
    scheme: {
      form: 'nbits' as const,
      weights: {
        type: 'int4' as const,
        granularity: 'group' as const,
        group: 16 as const,
        symmetric: false,
        scale: 'amd' as const,
      },
      activations: { type: 'float32' as const },
      accuracyLevel: 0 as const,
    },
  },
];

test('all linear layers of the decoder layers are quantized, with logits nearer than those of rounding to nearest', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    const place = (name: string) => ({ ...workPlace(join(directory, name)), inputs: { model }, sources: textSource() });
    await quantize({ ...place('nearest'), parameters: { rules } });
    const { metrics } = await gptq({ ...place('gptq'), parameters });
    assert.is(metrics.quantizedNodes, 12);
    assert.is(metrics.keptNodes, 1);
    const quantized = openModelDirectory(join(directory, 'gptq'));
    const nodes = quantized.model.graph.nodes.filter(({ opType }) => opType === 'MatMulNBits');
    assert.is(nodes.length, 12);
    assert.is(quantized.model.graph.initializers.get('model.decoder.layers.0.fc1.weight'), undefined);
    const nearest = await equivalenceError(model, join(directory, 'nearest'), 1);
    const found = await equivalenceError(model, join(directory, 'gptq'), 1);
    assert.ok(found < nearest, `${found} and ${nearest}`);
    const table = JSON.parse(readFileSync(join(directory, 'gptq/quantization.json'), 'utf8'));
    assert.is(table.nodes.length, 12);
    assert.ok(table.nodes.every(({ relativeError }: { relativeError: number }) => relativeError > 0));
  }));

test.run();
