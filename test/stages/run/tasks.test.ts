import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { evaluate } from '../../../src/stages/evaluate/work.js';
import { createModelFixtures } from '../../runtime/model-fixtures.js';
import { workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { type Run, runStage } from './run-stage.js';

const fixtures = await createModelFixtures();
test.after(() => fixtures.remove());
const int8 = await fixtures.quantized('w8a8');

const text = join(import.meta.dirname, '../../../recipes/data/evaluation.txt');
const dataset = { text, windows: 2, length: 48, stride: 48 };
const sources = { 'dataset.text': [{ name: 'evaluation.txt', path: text, sizeBytes: 1, digest: '' }] };

function answerIds({ report }: Run): unknown[] {
  assert.ok(Array.isArray(report.answers));
  return report.answers.map(({ answerIds: ids }) => ids);
}

test('drawn answers are those of the seed, whatever prompts are asked before', async () => {
  const sampling = { temperature: 1.1, topK: 300, topP: 0.9, seed: 3, ignoreEos: true };
  const both = answerIds(await runStage(fixtures.float, sampling));
  assert.equal(answerIds(await runStage(fixtures.float, sampling)), both);
  assert.equal(answerIds(await runStage(fixtures.float, { ...sampling, prompts: ['What is a poem?'] })), both.slice(1));
  assert.not.equal(answerIds(await runStage(fixtures.float, { ...sampling, seed: 4 })), both);
});

test('with a draft the answers are the same, and guesses are counted', async () => {
  const parameters = { ignoreEos: true, maxLength: 30 };
  for (const [model, draft] of [
    [fixtures.float, int8],
    [int8, fixtures.float],
    [fixtures.float, fixtures.float],
  ] as const) {
    const plain = await runStage(model, parameters);
    const assisted = await runStage(model, parameters, { draft });
    assert.equal(answerIds(assisted), answerIds(plain));
    const { proposed, accepted, acceptance } = Object(assisted.report.draft);
    assert.ok(accepted > 0 && accepted <= proposed);
    assert.is(assisted.metrics.draftAcceptance, acceptance);
    if (model === draft) assert.is(accepted, proposed);
  }
  try {
    await runStage(fixtures.float, { temperature: 1 }, { draft: int8 });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, QuernError);
  }
});

test('the perplexity of the eager path is that of the graph, on a simulated NPU too, and has its reference', async () => {
  const expected = await withTemporaryDirectory((outputDirectory) =>
    evaluate({
      ...workPlace(outputDirectory, 2),
      sources,
      parameters: { dataset, metric: 'perplexity', protocol: 'windows', engine: 'graph' },
      inputs: { model: int8, reference: fixtures.float },
    }),
  );
  const parameters = { devices: [{ npu: 'stx' }, 'cpu'], tasks: ['perplexity'] as const, dataset };
  const { metrics, report } = await runStage(int8, parameters, { reference: fixtures.float }, sources);
  for (const name of ['perplexity', 'referencePerplexity', 'perplexityIncrease', 'klDivergence', 'top1Agreement']) {
    assert.ok(Math.abs(Number(metrics[name]) / Number(expected.metrics[name]) - 1) < 1e-6, name);
  }
  assert.equal([metrics.windows, metrics.tokens], [2, 94]);
  assert.is(Object(report.perplexity).windows.length, 2);
});

test('validation against a reference names the first operator that is over the limit', async () => {
  const validate = async (operatorErrorLimit: number): Promise<Run> => {
    return runStage(int8, { tasks: ['validate'], operatorErrorLimit }, { reference: fixtures.float });
  };
  const { metrics, report } = await validate(1e-4);
  assert.is(metrics.validatedAgainst, 'reference');
  assert.ok(Number(metrics.maxLogitError) > 1e-4);
  assert.match(String(metrics.firstOperatorOverLimit), /^model\.decoder\.layers\.0\.self_attn\.[qkv]_proj$/);
  assert.ok(Object(report.validation).firstOperatorOverLimit.error > 1e-4);
  assert.is((await validate(100)).metrics.firstOperatorOverLimit, undefined);
  const whole = await runStage(int8, { tasks: ['validate'] });
  assert.equal([whole.metrics.validatedAgainst, whole.metrics.maxLogitError], ['whole graph', 0]);
});

test.run();
