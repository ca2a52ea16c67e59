import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tensorFrom } from '../../src/onnx/tensor.js';
import { moduleNameOf, operatorTypeOf, roleOf } from '../../src/runtime/operators.js';
import { nodeWith, zeroTensor } from './graphs.js';

test('a float MatMul with constant weights', () => {
  assert.equal(roleOf(nodeWith('MatMul', [zeroTensor('float32', 6, 4)])), {
    isLinear: true,
    operator: {
      operatorType: 'MatMul',
      k: 6,
      n: 4,
      weights: { type: 'float32' },
      constantWeights: true,
      activations: 'float32',
      scheme: 'float',
    },
  });
});

test('a Gemm says which way its weights lie', () => {
  const shapeOf = (transB: number) => {
    const role = roleOf(nodeWith('Gemm', [zeroTensor('float32', 6, 4)], { attributes: { transB } }));
    return role.isLinear ? [role.operator.k, role.operator.n] : role.reason;
  };
  assert.equal(shapeOf(0), [6, 4]);
  assert.equal(shapeOf(1), [4, 6]);
  const role = roleOf(nodeWith('Gemm', [zeroTensor('float32', 6, 4)], { attributes: { transA: 1 } }));
  assert.equal(role, { isLinear: false, reason: 'Gemm with transposed activations is not a linear operator' });
});

test("AMD's QLinear is a MatMul of int8 with int8, one scale or one a channel", () => {
  const schemeOf = (...scaleDims: number[]) => {
    const constants = [zeroTensor('int8', 6, 4), zeroTensor('float32', ...scaleDims)];
    const role = roleOf(nodeWith('DynamicQuantizedMatMul', constants, { domain: 'quern' }));
    assert.ok(role.isLinear);
    const { operatorType, k, n, weights, activations, scheme } = role.operator;
    assert.equal([operatorType, k, n, weights, activations], ['MatMul', 6, 4, { type: 'int8' }, 'int8']);
    return scheme;
  };
  assert.is(schemeOf(), 'w8a8');
  assert.is(schemeOf(4), 'w8a8-channel');
});

test("ONNX Runtime's MatMulInteger has uint8 activations, and weights without a zero point", () => {
  const weights = zeroTensor('int8', 6, 4);
  const zeroPoint = (...values: number[]) => tensorFrom('int8', [values.length], Int8Array.from(values));
  const role = roleOf(nodeWith('MatMulInteger', [weights, zeroTensor('uint8'), zeroPoint(0, 0, 0, 0)]));
  assert.ok(role.isLinear);
  const { activations, scheme, k, n } = role.operator;
  assert.equal([activations, scheme, k, n], ['uint8', 'w8a8-ort-channel', 6, 4]);
  const scalar = roleOf(nodeWith('MatMulInteger', [weights, zeroTensor('uint8'), zeroTensor('int8')]));
  assert.ok(scalar.isLinear && scalar.operator.scheme === 'w8a8-ort');
  const shifted = roleOf(nodeWith('MatMulInteger', [weights, zeroTensor('uint8'), zeroPoint(0, 1, 0, 0)]));
  assert.equal(shifted, { isLinear: false, reason: 'weights with a zero point that is not 0' });
  const computed = roleOf(nodeWith('MatMulInteger', [weights, zeroTensor('uint8'), undefined]));
  assert.not(computed.isLinear);
});

test('MatMulNBits has its shape in attributes', () => {
  const read = (bits: number) =>
    roleOf(
      nodeWith('MatMulNBits', [zeroTensor('uint8', 4, 2, 16), zeroTensor('float32', 8)], {
        domain: 'com.microsoft',
        attributes: { K: 64, N: 4, bits, block_size: 32 },
      }),
    );
  const role = read(4);
  assert.ok(role.isLinear);
  assert.equal([role.operator.k, role.operator.n, role.operator.weights], [64, 4, { type: 'int4', groupSize: 32 }]);
  assert.equal(read(8), { isLinear: false, reason: '8-bit groups of weights are not supported by any device' });
});

test('what is not linear says so', () => {
  const reasonOf = (...call: Parameters<typeof nodeWith>) => {
    const role = roleOf(nodeWith(...call));
    return role.isLinear ? undefined : role.reason;
  };
  assert.is(reasonOf('Softmax', []), 'Softmax is not a linear operator');
  assert.is(reasonOf('Attention', [], { domain: 'x.y' }), 'x.y.Attention is not a linear operator');
  assert.is(reasonOf('constructor', []), 'constructor is not a linear operator');
  assert.is(reasonOf('MatMul', [undefined]), 'MatMul of two computed values: weights are not constant');
  assert.is(reasonOf('MatMul', [zeroTensor('float32', 2, 6, 4)]), 'weights are not a matrix');
  assert.is(reasonOf('MatMul', [zeroTensor('float64', 6, 4)]), 'float64 weights are not supported by any device');
});

test('the module a node says it computes is its name', () => {
  const node = nodeWith('MatMul', [zeroTensor('float32', 6, 4)]);
  assert.is(moduleNameOf(node), 'layer.fc1');
  node.metadata.set('quern.module', 'model.layers.0.fc1');
  assert.is(moduleNameOf(node), 'model.layers.0.fc1');
  assert.is(operatorTypeOf(nodeWith('A', [], { domain: 'b' })), 'b.A');
});

test.run();
