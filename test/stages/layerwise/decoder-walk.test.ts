import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import type { SchemeName } from '../../../src/quant/schemes.js';
import { ChannelStatistics } from '../../../src/stages/calibrate/statistics.js';
import { measureWindows } from '../../../src/stages/calibrate/work.js';
import { Evaluator } from '../../../src/stages/evaluate/evaluator.js';
import { GraphEvaluator } from '../../../src/stages/evaluate/graph-evaluator.js';
import { DecoderWalk } from '../../../src/stages/layerwise/decoder-walk.js';
import { windowBatches } from '../../../src/stages/layerwise/window-batches.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { buildGolden, goldenNames, readGolden } from '../../models/golden-models.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const engine = await openEngine({ threads: 1 });
test.after(() => engine.close());

function someWindows(vocabularySize: number): readonly Int32Array[] {
  return [1, 2, 3].map((step) =>
    Int32Array.from({ length: 20 }, (_, index) => (index * step * 7 + step) % vocabularySize),
  );
}

/** Every golden architecture, each in a directory. */
function withGolden(name: string, use: (directory: string, layers: number) => void): Promise<void> {
  return withTemporaryDirectory(async (parent) => {
    const { model, info } = buildGolden(parent, readGolden(name).configs.given);
    const directory = join(parent, 'model');
    writeModelDirectory(model, directory, { layout: 'per-tensor', info, companions: [] });
    use(directory, info.layers);
  });
}

function evaluated(directory: string, wholeModelBytes: number, reference = directory) {
  const opened = openModelDirectory(directory);
  const shares: number[] = [];
  const options = { keepLogits: true, wholeModelBytes };
  const models = [opened, openModelDirectory(reference)].map((each) => new GraphEvaluator(engine, each, options));
  const evaluator = new Evaluator(engine, opened.info.vocabularySize, models[0]!, models[1]);
  const results = evaluator.evaluate(someWindows(opened.info.vocabularySize), (share) => shares.push(share));
  assert.is(shares.at(-1), 1);
  assert.ok(shares.every((share, index) => share > (shares[index - 1] ?? 0)));
  return results;
}

function assertNear(results: ReturnType<typeof evaluated>, expected: ReturnType<typeof evaluated>, tolerance: number) {
  assert.is(results.length, expected.length);
  for (const [index, { loss, referenceLoss, comparison }] of results.entries()) {
    const other = expected[index]!;
    assert.ok(Math.abs(loss - other.loss) <= tolerance * other.loss, `${loss} and ${other.loss}`);
    assert.ok(Math.abs(referenceLoss! - other.referenceLoss!) <= tolerance * other.loss);
    assert.ok(Math.abs(comparison!.divergence - other.comparison!.divergence) <= tolerance * 20);
  }
}

for (const name of goldenNames) {
  test(`${name}: layer by layer it is the same as in one graph`, () =>
    withGolden(name, (directory, layers) => {
      const whole = new DecoderWalk(engine, openModelDirectory(directory));
      const walk = new DecoderWalk(engine, openModelDirectory(directory), 0);
      assert.is(whole.stretches.length, 1);
      assert.is(walk.stretches.length, layers + 2);
      assertNear(evaluated(directory, 0), evaluated(directory, Number.POSITIVE_INFINITY), 2e-6);
    }));
}

test('statistics of every linear layer are the same as in one graph, and the same in any batches', () =>
  withTemporaryDirectory(async (parent) => {
    const { model, info } = buildGolden(parent, readGolden('llama').configs.given);
    const directory = join(parent, 'model');
    writeModelDirectory(model, directory, { layout: 'per-tensor', info, companions: [] });
    const windows = someWindows(info.vocabularySize);
    const measured = (name: string, wholeModelBytes: number, size: number): ChannelStatistics => {
      const walk = new DecoderWalk(engine, openModelDirectory(directory), wholeModelBytes);
      const joined = new ChannelStatistics();
      for (let start = 0; start < windows.length; start += size) {
        const batch = windows.slice(start, start + size);
        const place = join(parent, `${name}-${start}`);
        measureWindows(walk, batch, ['absmax', 'absmean'], () => {}).write(place);
        joined.addWritten(place, batch.length);
      }
      return joined;
    };
    const expected = measured('whole', Number.POSITIVE_INFINITY, 3);
    const layerwise = measured('layerwise', 0, 3);
    const batched = measured('batched', 0, 2);
    for (const { input } of findLinearLayers(model.graph)) {
      for (const statistic of ['absmax', 'absmean'] as const) {
        const values = expected.result(statistic, input.name);
        const others = layerwise.result(statistic, input.name);
        assert.ok(values.every((value, channel) => Math.abs(value - others[channel]!) <= 1e-5 * value));
        assert.equal(batched.result(statistic, input.name), others);
      }
    }
  }));

for (const scheme of ['w8a8', 'w8a8-ort', 'w4-nbits'] satisfies SchemeName[]) {
  test(`a model of ${scheme} falls into its layers too`, () =>
    withTemporaryDirectory(async (parent) => {
      const float = await loadCheckpoint(writeTinyOpt(join(parent, 'checkpoint')), join(parent, 'float'));
      const quantized = join(parent, 'quantized');
      const rules = [{ match: {}, scheme }];
      await quantize({ ...workPlace(quantized), parameters: { rules }, inputs: { model: float } });
      assert.is(new DecoderWalk(engine, openModelDirectory(quantized), 0).stretches.length, 4);
      assertNear(evaluated(quantized, 0, float), evaluated(quantized, Number.POSITIVE_INFINITY, float), 2e-3);
    }));
}

test('batches follow from the length of the windows and the size of the model, and begin alike for more windows', () => {
  const windows = (count: number): Int32Array[] => Array.from({ length: count }, () => new Int32Array(512));
  const sizes = (count: number, hiddenSize: number): number[] =>
    windowBatches(windows(count), hiddenSize).map((batch) => batch.length);
  assert.equal(sizes(64, 256), [32, 32]);
  assert.equal(sizes(70, 256), [32, 32, 6]);
  assert.equal(sizes(40, 2048), [16, 16, 8]);
  assert.equal(sizes(20, 8192), [8, 8, 4]);
});

test.run();
