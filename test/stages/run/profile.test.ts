import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProfileRow } from '../../../src/runtime/operator-profile.js';
import { createModelFixtures } from '../../runtime/model-fixtures.js';
import { runStage } from './run-stage.js';

const fixtures = await createModelFixtures();
test.after(() => fixtures.remove());
const int8 = await fixtures.quantized('w8a8');

test('a profile has every operator of a prompt and of a token: device, shape, MACs, bytes, time and share', async () => {
  const { files, report } = await runStage(int8, {
    devices: [{ npu: 'stx' }, 'cpu'],
    tasks: ['profile'],
    promptLengths: [6],
    repeats: 2,
  });
  const rows: readonly ProfileRow[] = JSON.parse(files['profile.json'] ?? '').operators;
  for (const tokens of [6, 1]) {
    const pass = rows.filter((row) => row.tokens === tokens);
    const offloaded = pass.filter(({ device }) => device === 'npu:stx');
    assert.is(offloaded.length, 12);
    for (const { shape, macs, modelledMs, bytes } of offloaded) {
      assert.is(shape?.m, tokens);
      assert.is(macs, tokens * shape!.k * shape!.n);
      assert.ok(bytes > shape!.k * shape!.n, 'int8 weights and activations');
      assert.ok(Number(modelledMs) > 0);
    }
    assert.ok(Math.abs(pass.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
    assert.ok(pass.some(({ type }) => type === 'com.microsoft.GroupQueryAttention'));
    const head = pass.find(({ operator }) => operator === 'lm_head');
    assert.is(head?.device, 'cpu');
    assert.match(head?.reason ?? '', /^npu:stx: float32 weights/);
  }
  const page = files['placement.html'] ?? '';
  assert.match(page, /<tr><td>one token \(decode\)<\/td><td class="number">12<\/td>/);
  assert.match(page, /<td>6 x 256 x 256<\/td><td>npu:stx<\/td><td>npu:stx takes w8a8<\/td>/);
  assert.match(files['profile.md'] ?? '', /## A prompt of 6 tokens: [\d.]+ ms in \d+ operators/);
  assert.not.match(JSON.stringify(report), /timeMs":0\.\d{4}/);
});

test("AMD's formats: an example an answer and a counted repeat, products on the NPU apart", async () => {
  const { files } = await runStage(int8, {
    devices: [{ npu: 'stx' }, 'cpu'],
    tasks: ['decode', 'benchmark'],
    formats: ['amd'],
    promptLengths: [8],
    newTokens: 3,
    warmup: 1,
    repeats: 2,
    ignoreEos: true,
  });
  const lines = (name: string): string[] => (files[name] ?? '').trimEnd().split('\n');
  const log = lines('amd.log');
  for (const line of log) assert.match(line, /^\d\d:\d\d:\d\d,\d{3} root CRITICAL \[PROFILE\]\[(AIE|OPTAMD)\] /);
  const generated = log.filter((line) => line.includes('generate:'));
  assert.is(generated.length, 4);
  assert.match(
    generated[2] ?? '',
    /generate: [\d.e-]+ for 3 tokens; prompt-tokens: 8; time per generated token: [\d.]+$/,
  );
  const gemms = log.flatMap((line) => /\[AIE\] ([\d ]+)$/.exec(line)?.[1]?.split(' ').map(Number) ?? []);
  assert.is(gemms.length % 16, 0);
  const tokens = lines('amd-profile.csv')
    .slice(1)
    .map((line) => Number(line.split(',')[15]));
  // Each pass runs the 12 products; the first of a length may be preceded by one that binds it.
  const passes = gemms.length / 16 / 12;
  const counted = tokens.reduce((sum, count) => sum + count, 0);
  assert.ok(Number.isInteger(passes) && passes >= counted && passes <= counted + 4, `${passes} of ${counted}`);
  assert.equal(tokens.slice(2), [3, 3]);
  const [header = '', first = ''] = lines('amd-profile.csv');
  assert.match(header, /^Filename,Example#,Num_Tokens_In,MatMul_time_Prefill_phase\[s\],.*,Tokens\\sec$/);
  const [, , promptLength, prefill, token, cumulative, others, total] = first.split(',').map(Number);
  assert.ok(promptLength! > 2 && prefill! > 0 && token! > 0);
  assert.ok(Math.abs(prefill! + token! - cumulative!) < 1e-12 && Math.abs(cumulative! + others! - total!) < 1e-12);
  assert.match(
    lines('amd-console.txt')[0] ?? '',
    /^Example#:1\tPrompt-len:\d+\tNew-tokens-generated:\d+\tTotal-time:[\d.]+s\tPrefill-phase:[\d.]+ms\tTime\/token:\d+ms\tTokens\/sec:[\d.]+$/,
  );
});

test('without the task and the format there are no measured files', async () => {
  assert.equal(Object.keys((await runStage(int8, {})).files), ['placement.html', 'placement.md', 'report.json']);
});

test.run();
