import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkTensor,
  codeOfDataType,
  dataTypeOfCode,
  dataTypeOfName,
  elementCount,
  isTensorOf,
  nameOfCode,
  type TensorData,
  tensorOver,
  tensorSizeBytes,
  zeros,
} from '../../src/ort/tensor-data.js';

test('sizes follow from type and dimensions', () => {
  assert.is(elementCount([]), 1);
  assert.is(elementCount([2, 0, 3]), 0);
  assert.is(tensorSizeBytes('float16', [2, 3]), 12);
  assert.is(tensorSizeBytes('int64', [3]), 24);
  assert.is(tensorSizeBytes('bool', [3]), 3);
  for (const size of [-1, 1.5, Number.NaN]) assert.throws(() => elementCount([2, size]), /not tensor dimensions/);
});

test('codes are those of ONNX, and unknown ones have a name to show', () => {
  assert.is(codeOfDataType('bfloat16'), 16);
  assert.is(dataTypeOfCode(10), 'float16');
  assert.is(dataTypeOfCode(22), undefined);
  assert.is(nameOfCode(22), 'int4');
  assert.is(nameOfCode(99), 'element type 99');
  assert.is(dataTypeOfName('toString'), undefined);
});

test('a tensor over memory shares it and stays inside it', () => {
  const buffer = new ArrayBuffer(16);
  const tensor = tensorOver('int32', [2], buffer, 8);
  tensor.data[0] = 7;
  assert.is(new Int32Array(buffer)[2], 7);
  assert.throws(() => tensorOver('int32', [3], buffer, 8), RangeError);
});

test('a tensor whose elements do not match its description is refused', () => {
  const good: TensorData = zeros('float16', [2, 2]);
  checkTensor('x', good);
  assert.throws(() => checkTensor('x', { ...good, dims: [2, 3] }), /x: 4 elements for dimensions \[2, 3\]/);
  assert.throws(() => checkTensor('x', { ...good, dataType: 'int8' }), /x: a Uint16Array does not hold int8 elements/);
});

test('a tensor narrows to its data type', () => {
  const tensor: TensorData = zeros('int64', [1]);
  assert.ok(isTensorOf(tensor, 'int64'));
  assert.not(isTensorOf(tensor, 'float32'));
});

test.run();
