import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { byteLengthOf, elementCount } from '../../src/onnx/data-type.js';
import {
  float32Of,
  float32Scalar,
  halfBitsOf,
  int64Of,
  int64Scalar,
  int64Vector,
  LazyTensor,
  MemoryTensor,
  StringTensor,
  tensorFrom,
  tensorFromFloat32,
} from '../../src/onnx/tensor.js';

test('the size of packed elements is rounded up to bytes', () => {
  assert.is(byteLengthOf('int4', [3]), 2);
  assert.is(byteLengthOf('uint2', [5]), 2);
  assert.is(byteLengthOf('float32', []), 4);
  assert.is(byteLengthOf('complex128', [2, 3]), 96);
});

test('shapes that can not be counted have no size', () => {
  assert.is(elementCount([2 ** 32, 2 ** 32]), undefined);
  assert.is(elementCount([-1]), undefined);
  assert.is(elementCount([1.5]), undefined);
  assert.is(elementCount([2 ** 53]), undefined);
  assert.is(byteLengthOf('float32', [2 ** 52]), undefined);
  assert.is(elementCount([2 ** 52, 2 ** 52, 0]), 0);
});

test('data of another size than the shape says is refused', () => {
  assert.throws(() => new MemoryTensor('float32', [2], new Uint8Array(7)), /has 8 bytes, not 7/);
  assert.throws(() => new MemoryTensor('float32', [-2], new Uint8Array(8)), /not a shape/);
  assert.throws(() => new LazyTensor('float32', [2], () => new Uint8Array(4)).bytes(), /has 8 bytes, not 4/);
  assert.throws(() => new StringTensor([2], ['a']), /can't have 1 elements/);
  assert.throws(() => tensorFromFloat32([3], new Float32Array(2)), /has 12 bytes/);
});

test('typed views share aligned memory and copy the rest', () => {
  const elements = Float32Array.of(1, 2);
  assert.is(float32Of(tensorFromFloat32([2], elements)).buffer, elements.buffer);
  const shifted = Buffer.concat([Buffer.alloc(1), new Uint8Array(elements.buffer)]).subarray(1);
  assert.equal(float32Of(new MemoryTensor('float32', [2], shifted)), elements);
  const part = tensorFromFloat32([1], elements.subarray(1));
  assert.equal([...float32Of(part)], [2]);
  assert.is(part.byteLength, 4);
});

test('typed views refuse tensors of another type', () => {
  assert.throws(() => float32Of(int64Scalar(1)), /expected a float32 tensor, not int64/);
  assert.throws(() => halfBitsOf(float32Scalar(1)), /expected a float16 tensor/);
  assert.equal([...halfBitsOf(tensorFrom('bfloat16', [1], Uint16Array.of(0x3f80)))], [0x3f80]);
});

test('int64 constants', () => {
  assert.equal([...int64Of(int64Vector([-1, 2]))], [-1n, 2n]);
  assert.equal(int64Vector([]).dims, [0]);
  assert.equal(int64Scalar(-1).dims, []);
});

test.run();
