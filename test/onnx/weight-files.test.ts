import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WeightFileNames } from '../../src/onnx/weight-files.js';

test('safe names stay', () => {
  const names = new WeightFileNames();
  assert.is(names.nameFor('model.layers.0.fc1.weight'), 'model.layers.0.fc1.weight');
});

test('names that some file system does not take get a digest', () => {
  const names = new WeightFileNames();
  const unsafe = ['a/b', 'A.B:c', '../x', '.hidden', 'end.', '', 'con', 'NUL.txt', 'ä', 'x'.repeat(300), 'a b', '\0'];
  for (const name of unsafe) assert.match(names.nameFor(name), /^tensor_[A-Za-z0-9._-]*-[0-9a-f]{16}$/);
});

test('no two names are the same without regard to case', () => {
  const tricky = fc.constantFrom('a', 'A', 'a_', 'a/', 'con', 'Con', 'tensor_a-', '');
  fc.assert(
    fc.property(fc.array(fc.oneof(tricky, fc.string()), { maxLength: 40 }), (tensorNames) => {
      const names = new WeightFileNames();
      const files = tensorNames.map((name) => names.nameFor(name));
      assert.is(new Set(files.map((name) => name.toLowerCase())).size, files.length);
      assert.ok(files.every((name) => name.length <= 130));
    }),
  );
});

test('the same names in the same order give the same files', () => {
  const run = (): string[] => {
    const names = new WeightFileNames();
    return ['a', 'A', 'a', 'x/y'].map((name) => names.nameFor(name));
  };
  assert.equal(run(), run());
});

test.run();
