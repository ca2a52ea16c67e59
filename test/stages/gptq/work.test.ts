import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { type GptqParameters, gptq } from '../../../src/stages/gptq/work.js';
import { calibrationWindows } from '../../../src/stages/layerwise/calibration-windows.js';
import { compareOutputs } from '../../../src/stages/layerwise/compare-outputs.js';
import { DecoderWalk } from '../../../src/stages/layerwise/decoder-walk.js';
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

test('the output errors of the first decoder layer are those of its layers run on their inputs, and below rounding to nearest', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    const place = (name: string) => ({ ...workPlace(join(directory, name)), inputs: { model }, sources: textSource() });
    const errorsOf = (name: string): ReadonlyMap<string, number> => {
      const table = JSON.parse(readFileSync(join(directory, name, 'quantization.json'), 'utf8'));
      return new Map(
        table.nodes.map((node: { name: string; outputError: number }) => [node.name, node.outputError] as const),
      );
    };
    const { dataset } = parameters;
    await quantize({ ...place('nearest'), parameters: { rules, dataset } });
    const { metrics } = await gptq({ ...place('gptq'), parameters });
    const nearest = errorsOf('nearest');
    const found = errorsOf('gptq');
    assert.is(metrics.largestOutputError, Math.max(...found.values()));
    const opened = openModelDirectory(model);
    const windows = await calibrationWindows(dataset, opened, textSource());
    const engine = await openEngine({ threads: 1 });
    const { model: quantized } = openModelDirectory(join(directory, 'gptq'));
    const walk = new DecoderWalk(engine, opened, 0);
    const squares = compareOutputs(walk, windows, quantized, new Set(found.keys()), () => {});
    engine.close();
    for (const [name, error] of found) {
      // Behind quantized layers inputs are others.
      if (!name.includes('layers.0.')) continue;
      const run = squares.of(name)!;
      const expected = Math.sqrt(run.error / run.output);
      assert.ok(Math.abs(error - expected) < 2e-3 * expected, `${name}: ${error}, not ${expected}`);
      assert.ok(error < nearest.get(name)!, `${name}: ${error} and ${nearest.get(name)}`);
    }
  }));

test.run();
