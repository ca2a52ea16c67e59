import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LinearOperator } from '../../../../src/runtime/devices/device.js';
import { simulatedNpu } from '../../../../src/runtime/devices/npu/simulated.js';

const strix = simulatedNpu('stx');
const hawkPoint = simulatedNpu('hpt');

const w8a8: LinearOperator = {
  operatorType: 'MatMul',
  k: 2048,
  n: 8192,
  weights: { type: 'int8' },
  constantWeights: true,
  activations: 'int8',
  scheme: 'w8a8',
};

function group(groupSize: number, type: 'int3' | 'int4' = 'int4'): LinearOperator {
  return { ...w8a8, weights: { type, groupSize }, activations: 'bfloat16', scheme: `group ${groupSize}` };
}

const supported: readonly (readonly [string, LinearOperator])[] = [
  ['w8a8', w8a8],
  ['uint8 activations', { ...w8a8, operatorType: 'MatMulInteger', activations: 'uint8' }],
  ['w8a16', { ...w8a8, activations: 'int16' }],
  ['the deepest int8 sum', { ...w8a8, k: 131_071 }],
  ['odd n with int8 weights', { ...w8a8, n: 4097 }],
  ['4 bits, group 32', group(32)],
  ['3 bits, group 128', group(128, 'int3')],
  ['4 bits, group 64', group(64)],
  ['MatMulNBits', { ...group(32), operatorType: 'MatMulNBits', activations: 'float32' }],
];

for (const [name, operator] of supported) {
  test(`stx takes ${name}`, () => assert.equal(strix.supports(operator), { ok: true }));
}

const refused: readonly (readonly [string, LinearOperator])[] = [
  ['Softmax is not a matrix product with weights', { ...w8a8, operatorType: 'Softmax' }],
  ['weights are not constant', { ...w8a8, constantWeights: false }],
  [
    'float32 weights: the stx NPU runs int8 (w8a8, w8a16) and 3/4-bit group weights; quantize this operator to offload it',
    { ...w8a8, weights: { type: 'float32' }, activations: 'float32' },
  ],
  ['uint8 weights: the kernels take int8; quantize the weights symmetrically', { ...w8a8, weights: { type: 'uint8' } }],
  [
    'int8 weights with float32 activations: the kernels take int8, uint8 or int16 activations',
    { ...w8a8, activations: 'float32' },
  ],
  ['k is 131072: sums of more than 131071 int8 products can overflow int32', { ...w8a8, k: 131_072 }],
  ['group size 16: kernels exist for 32 and 128, and serve multiples of them', group(16)],
  ['group size 0: kernels exist for 32 and 128, and serve multiples of them', group(0)],
  ['n is 4097: two 4-bit columns share a byte, so n has to be even', { ...group(128), n: 4097 }],
  [
    'group weights with int8 activations: the kernels take bfloat16 activations',
    { ...group(128), activations: 'int8' },
  ],
];

for (const [reason, operator] of refused) {
  test(`stx refuses: ${reason}`, () => assert.equal(strix.supports(operator), { ok: false, reason }));
}

test('only stx takes w8a16, and the others say so', () => {
  const operator: LinearOperator = { ...w8a8, activations: 'int16' };
  assert.equal(hawkPoint.supports(operator), {
    ok: false,
    reason: 'w8a16 needs stx; the hpt NPU has no kernels for it',
  });
  const float: LinearOperator = { ...w8a8, weights: { type: 'bfloat16' } };
  assert.equal(hawkPoint.supports(float), {
    ok: false,
    reason:
      'bfloat16 weights: the hpt NPU runs int8 (w8a8) and 3/4-bit group weights; quantize this operator to offload it',
  });
});

test('the flow decides the kernel', () => {
  const kernel = (operator: LinearOperator): unknown => strix.plan(operator, 1).tiles;
  assert.equal(kernel(w8a8), [{ m: 1, k: 2048, n: 8192, count: 1 }]);
  assert.equal(kernel({ ...w8a8, activations: 'int16' }), [{ m: 1, k: 4096, n: 11008, count: 1 }]);
  assert.equal(kernel(group(128)), [{ m: 1, k: 4096, n: 12288, count: 1 }]);
});

test('weights in groups of 64 are packed for the kernels of group 32', () => {
  const bytes = (groupSize: number): number => strix.plan(group(groupSize), 1).buffers.weightBytes;
  assert.is(bytes(64), bytes(32));
  assert.is(bytes(256), bytes(128));
  assert.ok(bytes(32) > bytes(128));
});

test('3 bits cost what 4 bits cost', () => {
  assert.equal(strix.plan(group(128, 'int3'), 8), strix.plan(group(128, 'int4'), 8));
});

test('planning a refused operator is a mistake of the program', () => {
  assert.throws(() => strix.plan({ ...w8a8, constantWeights: false }, 1), /asked to plan an operator it refuses/);
});

test('capabilities list the kernels of each flow', () => {
  const { flows } = strix.capabilities();
  assert.equal(
    flows.map(({ flow }) => flow),
    ['w8a8', 'w8a16', 'w4-g32', 'w4-g128'],
  );
  assert.equal(flows[0], {
    flow: 'w8a8',
    rows: [1, 8, 16, 32, 64],
    weights: [
      { k: 2048, n: 2048 },
      { k: 2048, n: 8192 },
      { k: 8192, n: 2048 },
    ],
  });
  assert.equal(
    hawkPoint.capabilities().flows.map(({ flow }) => flow),
    ['w8a8', 'w4-g32', 'w4-g128'],
  );
});

test.run();
