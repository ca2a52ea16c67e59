import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engineError, engineMessage } from '../../src/ort/engine-error.js';

test('places in the source code are left out', () => {
  const text =
    "Non-zero status code returned while running Reshape node. Name:'r' Status Message: /onnxruntime_src/onnxruntime/core/reshape_helper.h:91 onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, bool) input_shape_size == requested_shape_size was false.\n";
  assert.is(
    engineMessage(text),
    "Non-zero status code returned while running Reshape node. Name:'r' Status Message: input_shape_size == requested_shape_size was false.",
  );
});

test('a Windows path and a nested signature are left out too', () => {
  const text = 'D:\\a\\_work\\1\\s\\core\\tensor.cc:12 onnxruntime::Run(std::function<void()>, int) const no room';
  assert.is(engineMessage(text), 'no room');
});

test('a message without a place keeps every word', () => {
  assert.is(engineMessage('weights.cc.bin:3 is a name'), 'weights.cc.bin:3 is a name');
  assert.is(
    engineMessage('Node (a) Op (MatMul) [ShapeInferenceError] bad'),
    'Node (a) Op (MatMul) [ShapeInferenceError] bad',
  );
});

test('of several lines the first is shown, with the dimensions it announces', () => {
  assert.is(engineMessage('first\nsecond'), 'first');
  assert.is(
    engineMessage(
      'Got invalid dimensions for input: x for the following indices\n index: 1 Got: 4 Expected: 3\n Please fix',
    ),
    'Got invalid dimensions for input: x for the following indices: index: 1 Got: 4 Expected: 3',
  );
  assert.is(engineMessage(' \n'), 'no reason given');
});

test('the whole text is the cause', () => {
  const error = engineError('it stopped', 'first\nsecond');
  assert.is(error.code, 'engine');
  assert.is(error.message, 'it stopped: first');
  assert.instance(error.cause, Error);
  assert.match(String(error.cause), /first\nsecond/);
});

test.run();
