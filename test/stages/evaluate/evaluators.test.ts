import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import type { TensorData } from '../../../src/ort/tensor-data.js';
import { benchmarkPrompt } from '../../../src/runtime/benchmark.js';
import { deviceNamed } from '../../../src/runtime/devices/registry.js';
import { openEagerModel } from '../../../src/runtime/eager-model.js';
import { openWholeGraph } from '../../../src/runtime/whole-graph.js';
import { EagerEvaluator } from '../../../src/stages/evaluate/eager-evaluator.js';
import { GraphEvaluator } from '../../../src/stages/evaluate/graph-evaluator.js';
import { LogitComparison } from '../../../src/stages/evaluate/logit-comparison.js';
import type { WindowEvaluator } from '../../../src/stages/evaluate/window-evaluator.js';
import { windowPasses } from '../../../src/stages/layerwise/window-passes.js';
import { createModelFixtures } from '../../runtime/model-fixtures.js';

const engine = await openEngine({ threads: 1 });
const fixtures = await createModelFixtures();
test.after(() => {
  engine.close();
  return fixtures.remove();
});

const { vocabularySize } = openModelDirectory(fixtures.float).info;
// The last of its passes would have one token, which predicts nothing.
const ids = benchmarkPrompt(257, vocabularySize);

/** log softmax in float64. */
function logLikelihoods(logits: Float32Array): Float64Array {
  const largest = logits.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return Float64Array.from(logits, (value) => value - largest - Math.log(sum));
}

function rowOf(logits: Float32Array, row: number): Float32Array {
  return logits.subarray(row * vocabularySize, (row + 1) * vocabularySize);
}

function wholeLogits(directory: string): Float32Array {
  const whole = openWholeGraph(engine, openModelDirectory(directory));
  const logits = whole.forwardAll(ids);
  whole.close();
  return logits;
}

function evaluators(directory: string, keepLogits: boolean): { readonly [name: string]: WindowEvaluator } {
  const opened = () => openModelDirectory(directory);
  const devices = [deviceNamed('cpu')];
  const model = openEagerModel({ engine, opened: opened(), devices, granularity: 'island', capacity: ids.length });
  return {
    graph: new GraphEvaluator(engine, opened(), { keepLogits }),
    layers: new GraphEvaluator(engine, opened(), { keepLogits, wholeModelBytes: 0 }),
    eager: new EagerEvaluator(engine, model, { vocabularySize, keepLogits }),
  };
}

for (const scheme of ['float', 'w4-nbits', 'w8a8'] as const) {
  test(`${scheme}: losses and logits of a window are those of one pass through the whole graph`, async () => {
    const directory = scheme === 'float' ? fixtures.float : await fixtures.quantized(scheme);
    const expected = wholeLogits(directory);
    const losses = Array.from(ids.subarray(1), (id, row) => -logLikelihoods(rowOf(expected, row))[id]!);
    const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
    for (const keepLogits of [false, true]) {
      for (const [name, evaluator] of Object.entries(evaluators(directory, keepLogits))) {
        evaluator.begin([ids, ids]);
        const first = evaluator.evaluate(0);
        const again = evaluator.evaluate(1);
        evaluator.end();
        assert.is(again.loss, first.loss, `${name}: a window knows nothing of the one before`);
        assert.ok(Math.abs(first.loss - loss) < 1e-6 * loss, `${name}: ${first.loss} and ${loss}`);
        assert.is(first.logits !== undefined, keepLogits);
        if (first.logits === undefined) continue;
        assert.equal(first.logits.dims, [1, ids.length, vocabularySize]);
        const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        assert.ok(
          first.logits.data.every((value, index) => Math.abs(value - expected[index]!) < 1e-4 * largest),
          name,
        );
      }
    }
  });
}

test('the divergence of logits is the expected difference of log likelihoods', async () => {
  const [reference, data] = [wholeLogits(fixtures.float), wholeLogits(await fixtures.quantized('w4-nbits'))];
  const tensor = (logits: Float32Array): TensorData<'float32'> => {
    return { dataType: 'float32', dims: [1, ids.length, vocabularySize], data: logits };
  };
  const { divergence, agreement } = new LogitComparison(engine, vocabularySize).compare(
    tensor(reference),
    tensor(data),
  );
  let [expected, same] = [0, 0];
  for (let row = 0; row < ids.length; row++) {
    const [wanted, given] = [logLikelihoods(rowOf(reference, row)), logLikelihoods(rowOf(data, row))];
    expected += wanted.reduce((sum, value, token) => sum + Math.exp(value) * (value - given[token]!), 0);
    if (wanted.indexOf(Math.max(...wanted)) === given.indexOf(Math.max(...given))) same++;
  }
  assert.ok(Math.abs(divergence - expected) < 1e-5 * expected, `${divergence} and ${expected}`);
  assert.is(agreement, same);
});

test('passes cover a window without gaps', () => {
  assert.equal(windowPasses(257, 128), [
    { start: 0, tokens: 128 },
    { start: 128, tokens: 128 },
    { start: 256, tokens: 1 },
  ]);
  assert.equal(windowPasses(0, 128), []);
});

test.run();
