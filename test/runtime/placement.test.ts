import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import type { Node } from '../../src/onnx/node.js';
import { deviceNamed } from '../../src/runtime/devices/registry.js';
import { placeOperators, withFallbacks } from '../../src/runtime/placement.js';
import { nodeWith, zeroTensor } from './graphs.js';

const [cpu, stx, hpt] = [deviceNamed('cpu'), deviceNamed('npu:stx'), deviceNamed('npu:hpt')];
const quantized = nodeWith('DynamicQuantizedMatMul', [zeroTensor('int8', 64, 32), zeroTensor('float32')], {
  domain: 'quern',
});
const float = nodeWith('MatMul', [zeroTensor('float32', 16, 64)]);
const softmax = nodeWith('Softmax', []);
const nodes: readonly Node[] = [quantized, float, softmax];

test('a linear operator goes to the first device that supports it, the rest to the CPU, each with a reason', () => {
  const { rows, offloaded } = placeOperators(nodes, [stx, cpu]);
  assert.equal(rows[0], {
    operator: 'layer.fc1',
    type: 'quern.DynamicQuantizedMatMul',
    device: 'npu:stx',
    reason: 'npu:stx takes w8a8',
    shape: { k: 64, n: 32 },
    macsPerToken: 2048,
  });
  assert.is(rows[1]?.device, 'cpu');
  assert.match(rows[1]?.reason ?? '', /^npu:stx: float32 weights: .*quantize this operator to offload it$/);
  assert.equal(rows[2], {
    operator: 'layer.fc1',
    type: 'Softmax',
    device: 'cpu',
    reason: 'Softmax is not a linear operator',
    macsPerToken: 0,
  });
  assert.equal([...offloaded.keys()], [quantized]);
  assert.is(offloaded.get(quantized)?.device, stx);
});

test('coverage is the share of multiplications with weights', () => {
  assert.is(placeOperators(nodes, [stx]).npuCoverage, 2048 / (2048 + 1024));
  assert.is(placeOperators(nodes, [cpu]).npuCoverage, 0);
  assert.is(placeOperators([softmax], [stx]).npuCoverage, 0);
});

test('the CPU takes what no device supports, even when it was not asked for', () => {
  const { rows, offloaded } = placeOperators([float], [stx, hpt]);
  assert.is(rows[0]?.device, 'cpu');
  assert.match(rows[0]?.reason ?? '', /^npu:stx: .*; npu:hpt: /);
  assert.is(offloaded.size, 0);
});

test('the order of devices is that of preference', () => {
  assert.is(placeOperators([quantized], [hpt, stx]).rows[0]?.device, 'npu:hpt');
  const { rows, offloaded } = placeOperators([quantized], [cpu, stx]);
  assert.equal([rows[0]?.device, rows[0]?.reason], ['cpu', 'cpu is preferred']);
  assert.is(offloaded.size, 0);
});

test('a device that refuses is named where another one takes the operator', () => {
  const phoenix = { ...stx, name: 'npu:other', supports: () => ({ ok: false as const, reason: 'it is busy' }) };
  const { rows } = placeOperators([quantized], [phoenix, stx]);
  assert.equal([rows[0]?.device, rows[0]?.reason], ['npu:stx', 'npu:other: it is busy']);
});

test('a device that fails when it is asked is passed over, and that is told', () => {
  const broken = {
    ...stx,
    name: 'npu:broken',
    supports: () => {
      throw new QuernError('engine', 'no answer');
    },
  };
  const told: string[] = [];
  const onFault = (node: Node, { name }: { name: string }, { message }: QuernError): void => {
    told.push(`${name} ${node.opType}: ${message}`);
  };
  const { rows, offloaded } = placeOperators([quantized], [broken, stx], { onFault });
  assert.equal(told, ['npu:broken DynamicQuantizedMatMul: no answer']);
  assert.is(offloaded.get(quantized)?.device, stx);
  assert.match(rows[0]?.reason ?? '', /^npu:broken: asked whether it takes the operator, it failed: no answer$/);
});

test('operators that go back to the CPU are not covered any more', () => {
  const placement = placeOperators(nodes, [stx]);
  const after = withFallbacks(placement, new Map([[quantized, 'npu:stx failed: bus error']]));
  assert.equal([after.offloaded.size, after.npuCoverage], [0, 0]);
  assert.equal([after.rows[0]?.device, after.rows[0]?.reason], ['cpu', 'npu:stx failed: bus error']);
  assert.equal(after.rows.slice(1), placement.rows.slice(1));
  assert.is(withFallbacks(placement, new Map()), placement);
});

test.run();
