import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { deviceList, deviceListLines, planReport, planReportLines } from '../../../src/runtime/devices/report.js';

test('the plan of one operator', () => {
  const report = planReport('npu:hpt', '1x4096x12288', 'w3-g128');
  assert.equal(report, {
    device: 'npu:hpt',
    shape: { m: 1, k: 4096, n: 12288 },
    scheme: 'w3-g128',
    tiles: [{ m: 1, k: 4096, n: 12288, count: 1 }],
    dispatches: 1,
    paddedShape: { m: 1, k: 4096, n: 12288 },
    modelledUs: 1423.6,
    parts: { aCopyUs: 2, aSyncUs: 9.9, runUs: 1394.8, cSyncUs: 14.7, cCopyUs: 2.2, accumulateUs: 0 },
  });
});

test('the fields are exactly the documented ones, in their order', () => {
  assert.equal(Object.keys(planReport('npu:stx', '8x11008x4096', 'w3-g128')), [
    'device',
    'shape',
    'scheme',
    'tiles',
    'dispatches',
    'paddedShape',
    'modelledUs',
    'parts',
  ]);
});

test('parts add up to the modelled time', () => {
  const { modelledUs, parts } = planReport('npu:stx', '100x5000x50272', 'w8a8');
  assert.ok(modelledUs !== null && parts !== null);
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  assert.ok(Math.abs(sum - modelledUs) < 0.005);
});

test('the cpu has no tiles and no modelled time', () => {
  assert.equal(planReport('cpu', '8x100x200', 'float'), {
    device: 'cpu',
    shape: { m: 8, k: 100, n: 200 },
    scheme: 'float',
    tiles: [],
    dispatches: 0,
    paddedShape: { m: 8, k: 100, n: 200 },
    modelledUs: null,
    parts: null,
  });
});

test('a scheme that the device lacks is an error with the reason', () => {
  assert.throws(
    () => planReport('npu:hpt', '8x4096x4096', 'w8a16'),
    (error: unknown) =>
      error instanceof QuernError &&
      error.code === 'usage' &&
      error.message ===
        'npu:hpt does not run 8x4096x4096 with w8a16: w8a16 needs stx; the hpt NPU has no kernels for it',
  );
});

test('the list of devices, with whether each can be used and why not', async () => {
  const list = await deviceList();
  assert.equal(
    list.map(({ name }) => name),
    ['cpu', 'npu:phx', 'npu:hpt', 'npu:stx', 'ep:webgpu', 'ep:qnn', 'ep:coreml', 'ep:dml', 'ep:cuda'],
  );
  for (const { usable, reason } of list) assert.is(reason === undefined, usable);
  assert.ok(list.slice(0, 4).every(({ usable }) => usable));
  assert.ok(list.some(({ usable }) => !usable));
  assert.equal(list[0]?.flows, []);
  assert.equal(list[3]?.flows, ['w8a8', 'w8a16', 'w4-g32', 'w4-g128']);
  assert.equal(list[3]?.shapes[1], { flow: 'w8a8', m: [1, 8, 16, 32, 64], k: 2048, n: 8192 });
});

test('one device by its name', async () => {
  const [stx, ...others] = await deviceList('npu:stx');
  assert.equal([stx?.name, others.length], ['npu:stx', 0]);
  assert.equal(
    (await deviceList('ep:cuda')).map(({ name }) => name),
    ['ep:cuda'],
  );
  try {
    await deviceList('npu:xts');
    assert.unreachable('there is no such device');
  } catch (error) {
    assert.match(String(error), /unknown device "npu:xts"/);
  }
});

test('an execution provider has no plan', () => {
  assert.throws(() => planReport('ep:webgpu', '8x100x200', 'float'), /ep:webgpu has no plan/);
});

test('the list as text has a line for each device and flow', async () => {
  const lines = deviceListLines(await deviceList('npu:phx'));
  assert.is(lines.length, 4);
  assert.match(lines[0] ?? '', /^npu:phx {2}Phoenix NPU, simulated/);
  assert.is(lines[1], '  w8a8     rows 1, 8, 16, 32, 64; weights 2048x2048, 2048x8192, 8192x2048');
});

test('a plan as text', () => {
  assert.equal(planReportLines(planReport('npu:hpt', '1x4096x12288', 'w3-g128')), [
    '1x4096x12288 w3-g128 on npu:hpt: 1 dispatch, padded to 1x4096x12288',
    '  1 x kernel 1x4096x12288',
    '  1423.6 us modelled: run 1394.8, A copy 2.0, A sync 9.9, C sync 14.7, C copy 2.2, host accumulation 0.0',
  ]);
  assert.equal(planReportLines(planReport('cpu', '1x2x3', 'w8a8')), [
    '1x2x3 w8a8 on cpu: as it is, without tiles; its time is measured, not modelled',
  ]);
});

test.run();
