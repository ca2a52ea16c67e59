import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { deviceNames, parseDeviceName, parseShape } from '../../../src/runtime/devices/names.js';
import { deviceNamed } from '../../../src/runtime/devices/registry.js';

function usageError(action: () => unknown): QuernError {
  try {
    action();
  } catch (error) {
    if (error instanceof QuernError && error.code === 'usage') return error;
    throw error;
  }
  throw new Error('expected an error');
}

test('every device answers to its name', () => {
  assert.equal(deviceNames, ['cpu', 'npu:phx', 'npu:hpt', 'npu:stx']);
  for (const name of deviceNames) assert.is(deviceNamed(parseDeviceName(name)).name, name);
});

test('a misspelt device is an error with the nearest name', () => {
  const error = usageError(() => parseDeviceName('npu:sxt'));
  assert.is(error.message, 'unknown device "npu:sxt"');
  assert.is(error.suggestion, 'did you mean `npu:stx`?');
});

test('a device that is like none is an error with all names', () => {
  const error = usageError(() => parseDeviceName('accelerator'));
  assert.is(error.suggestion, 'devices are cpu, npu:phx, npu:hpt, npu:stx');
});

test('a shape is three positive whole numbers', () => {
  assert.equal(parseShape('8x11008x4096'), { m: 8, k: 11008, n: 4096 });
  assert.equal(parseShape('1x1x16777216'), { m: 1, k: 1, n: 16_777_216 });
});

for (const text of ['', '8', '8x8', '8x8x8x8', '8x-1x8', '8x1.5x8', '8x1e3x8', ' 8x8x8', '8x8x8\n', 'axbxc', '8X8X8']) {
  test(`${JSON.stringify(text)} is not a shape`, () => {
    const error = usageError(() => parseShape(text));
    assert.is(error.message, `${JSON.stringify(text)} is not a shape`);
    assert.is(error.suggestion, 'write rows x depth x columns, for example 8x11008x4096');
  });
}

for (const [text, axis] of [
  ['0x8x8', 'm'],
  ['8x16777217x8', 'k'],
  [`8x8x${'9'.repeat(400)}`, 'n'],
] as const) {
  test(`${text.slice(0, 20)} is out of range`, () => {
    assert.match(usageError(() => parseShape(text)).message, `: ${axis} has to be from 1 to 16777216`);
  });
}

test.run();
