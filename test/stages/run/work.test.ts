import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { runKind } from '../../../src/stages/run/kind.js';
import type { RunParameters } from '../../../src/stages/run/parameters.js';
import { createModelFixtures } from '../../runtime/model-fixtures.js';
import { defaults, runStage } from './run-stage.js';

const fixtures = await createModelFixtures();
/** With all its layers the model ends its texts. */
const complete = await createModelFixtures(4);
test.after(async () => {
  await fixtures.remove();
  await complete.remove();
});

async function expectError(parameters: Partial<RunParameters>, pattern: RegExp): Promise<void> {
  try {
    await runStage(fixtures.float, parameters);
  } catch (error) {
    assert.instance(error, QuernError);
    assert.match((error as QuernError).message, pattern);
    return;
  }
  assert.unreachable('the stage should have failed');
}

const measuredTimes = ['prefillMs', 'msPerToken', 'tokensPerSecond'];

test('a float model answers prompts on the CPU', async () => {
  const { metrics, report, files, progress } = await runStage(fixtures.float, { ignoreEos: true });
  assert.equal(Object.keys(files), ['placement.html', 'placement.md', 'report.json']);
  const { answers } = report;
  assert.ok(Array.isArray(answers) && answers.length === 2);
  for (const answer of answers) {
    const { prompt, promptIds, answerIds, stoppedBy } = answer;
    assert.ok(defaults.prompts.includes(prompt));
    assert.is(promptIds[0], 2);
    assert.is(promptIds.length + answerIds.length, defaults.maxLength);
    assert.is(stoppedBy, 'length');
  }
  const generated = answers.reduce((sum, { answerIds }) => sum + answerIds.length, 0);
  assert.equal([metrics.device, metrics.offloadedOperators, metrics.npuCoverage], ['cpu', 0, 0]);
  assert.is(metrics.generatedTokens, generated);
  for (const name of [...measuredTimes, 'peakRssBytes']) assert.ok(Number(metrics[name]) > 0, name);
  for (const name of ['modelledNpuMsPerToken', 'benchmark', 'maxLogitError']) assert.is(metrics[name], undefined);
  assert.equal(progress.at(-1), { done: 2, total: 2, unit: 'prompts' });
});

test('a quantized model on an NPU: validated, benchmarked, with modelled times of their own', async () => {
  const { metrics, report, files } = await runStage(await fixtures.quantized('w8a8'), {
    devices: [{ npu: 'stx' }, 'cpu'],
    tasks: ['benchmark', 'decode', 'validate'],
  });
  assert.is(metrics.device, 'npu:stx');
  assert.is(metrics.offloadedOperators, 12);
  assert.ok(Number(metrics.npuCoverage) > 0.5 && Number(metrics.npuCoverage) < 1);
  assert.equal([metrics.maxLogitError, metrics.top1Agreement], [0, 1]);
  assert.ok(Number(metrics.modelledNpuPrefillMs) > Number(metrics.modelledNpuMsPerToken));
  const { benchmark } = metrics;
  assert.ok(Array.isArray(benchmark));
  assert.equal(
    benchmark.map(({ promptLength }) => promptLength),
    [8, 509],
  );
  assert.match(benchmark[1].note, /instead of 600/);
  assert.is(metrics.prefillMs, benchmark[0].prefillMs);
  const placement = report.placement;
  assert.ok(Array.isArray(placement));
  for (const { device, reason } of placement) if (device === 'cpu') assert.ok(reason.length > 0);
  assert.is(placement.filter(({ device }) => device === 'npu:stx').length, 12);
  assert.match(files['placement.md'] ?? '', /12 of \d+ operators are offloaded/);
  assert.match(
    files['placement.md'] ?? '',
    /\| lm_head \| MatMul \| cpu \| 256 x 4096 \| 1.05 M \| npu:stx: float32 weights/,
  );
  const modelled = report.modelledNpu;
  assert.ok(Array.isArray(modelled));
  assert.is(modelled[0].timeMs, metrics.modelledNpuMsPerToken);
  assert.match(runKind.headline(metrics), /npu:stx \(simulated\) 12 operators/);
});

test('two runs write the same bytes: nothing measured is in the artifact', async () => {
  const parameters = { tasks: ['decode', 'benchmark', 'validate'] as const, promptLengths: [4] };
  const [first, second] = [await runStage(fixtures.float, parameters), await runStage(fixtures.float, parameters)];
  assert.equal(second.files, first.files);
  assert.not.match(first.files['report.json'] ?? '', /prefillMs|msPerToken/);
});

test('threads are recorded, and change no answers', async () => {
  const [all, one] = [await runStage(fixtures.float, {}), await runStage(fixtures.float, { threads: 1 })];
  assert.equal([all.report.threads, one.report.threads], [2, 1]);
  assert.equal(one.report.answers, all.report.answers);
});

test('granularity changes units, not answers', async () => {
  const [op, island] = [
    await runStage(fixtures.float, { granularity: 'op' }),
    await runStage(fixtures.float, { granularity: 'island' }),
  ];
  assert.equal(op.report.answers, island.report.answers);
  assert.ok(Number(op.report.units) > Number(island.report.units));
});

test('an answer ends at the end of the text unless that is to be ignored', async () => {
  const parameters = { maxLength: 30, prompts: ['What is the meaning of life?'] };
  const endToken = 2;
  const answerOf = async (ignoreEos: boolean): Promise<{ ids: number[]; stoppedBy: string }> => {
    const { report } = await runStage(complete.float, { ...parameters, ignoreEos });
    assert.ok(Array.isArray(report.answers));
    const [{ answerIds, stoppedBy }] = report.answers;
    return { ids: answerIds, stoppedBy };
  };
  const ignored = await answerOf(true);
  assert.is(ignored.stoppedBy, 'length');
  const end = ignored.ids.indexOf(endToken);
  assert.ok(end >= 0, 'the answer has to have an end for this test');
  assert.equal(await answerOf(false), { ids: ignored.ids.slice(0, end + 1), stoppedBy: 'end' });
});

test('what is longer than the model is refused', async () => {
  await expectError({ maxLength: 513 }, /^maxLength is 513, but the model has 512 positions$/);
  const prompts = ['word '.repeat(600)];
  await expectError({ prompts }, /^the prompt "word word .*\.\.\." has \d+ tokens: .* exceeds maxLength, which is 20$/);
  await expectError({ prompts, tasks: ['validate'] }, /exceeds the 512 positions of the model$/);
  await expectError({ tasks: ['benchmark'], newTokens: 512 }, /leave no room for a prompt/);
});

test.run();
