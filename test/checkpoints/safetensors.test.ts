import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CheckpointTensor, DataType } from '../../src/checkpoints/checkpoint.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { type TensorToWrite, writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';
import { checkFinite, readTensorBytes, readTensorFloat32 } from '../../src/checkpoints/tensor-data.js';
import { isJsonObject } from '../../src/json.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { inputError, safetensorsBytes } from './support.js';

const embeddedModel = join(import.meta.dirname, '../../recipes/models/opt-wren-4m/model.safetensors');

function tensorOf(path: string, name: string): CheckpointTensor {
  const tensor = openSafetensors(path).tensors.get(name);
  if (tensor === undefined) throw new Error(`${path} has no tensor ${name}`);
  return tensor;
}

const elementBytes: readonly (readonly [DataType, number])[] = [
  ['float64', 8],
  ['float32', 4],
  ['bfloat16', 2],
  ['float8_e4m3', 1],
  ['int64', 8],
  ['bool', 1],
];

const anyTensor: fc.Arbitrary<TensorToWrite> = fc
  .tuple(
    fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '10', '9', '')),
    fc.constantFrom(...elementBytes),
    fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
    fc.nat({ max: 255 }),
  )
  .map(([name, [dataType, bytes], dims, fill]) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    return { name, dataType, dims, data: new Uint8Array(count * bytes).fill(fill) };
  })
  .filter(({ name }) => name !== '__metadata__');

test('what is written is read back, and the order it came in leaves no trace', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'a.safetensors');
    const otherPath = join(directory, 'b.safetensors');
    fc.assert(
      fc.property(
        fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 8 }),
        fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
        (tensors, texts) => {
          const metadata = new Map(Object.entries(texts));
          writeSafetensors(path, tensors, metadata);
          writeSafetensors(otherPath, tensors.toReversed(), new Map([...metadata].reverse()));
          assert.ok(readFileSync(path).equals(readFileSync(otherPath)));
          const checkpoint = openSafetensors(path);
          assert.equal([...checkpoint.metadata].sort(), [...metadata].sort());
          assert.is(checkpoint.tensors.size, tensors.length);
          for (const { name, dataType, dims, data } of tensors) {
            const tensor = checkpoint.tensors.get(name);
            assert.ok(tensor !== undefined && tensor.dataType === dataType);
            assert.equal(tensor.dims, dims);
            assert.equal(readTensorBytes(tensor), data);
          }
        },
      ),
    );
  }));

test('the writer aligns every tensor to its elements', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    writeSafetensors(path, [
      { name: 'a', dataType: 'uint8', dims: [3], data: new Uint8Array(3) },
      { name: 'b', dataType: 'float64', dims: [], data: new Float64Array(1) },
      { name: 'c', dataType: 'float16', dims: [1], data: new Uint16Array(1) },
    ]);
    const offsets = [...openSafetensors(path).tensors.values()].map(({ name, offset }) => [name, offset]);
    const start = Number(offsets.find(([name]) => name === 'b')?.[1]);
    assert.is(start % 8, 0);
    assert.equal(offsets.sort(), [
      ['a', start + 10],
      ['b', start],
      ['c', start + 8],
    ]);
  }));

test('the writer refuses what could not be read back', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    const tensor: TensorToWrite = { name: 'a', dataType: 'float32', dims: [2], data: new Float32Array(2) };
    assert.throws(() => writeSafetensors(path, [tensor, tensor]), /two tensors are called a/);
    assert.throws(() => writeSafetensors(path, [{ ...tensor, dims: [3] }]), /takes 12 bytes and was given 8/);
    assert.throws(() => writeSafetensors(path, [{ ...tensor, name: '__metadata__' }]), /can't be called/);
  }));

test('float16, bfloat16, float32 and float64 are read as float32', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    writeSafetensors(path, [
      { name: 'half', dataType: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0x8001) },
      { name: 'brain', dataType: 'bfloat16', dims: [2], data: Uint16Array.of(0x3f80, 0xc049) },
      { name: 'single', dataType: 'float32', dims: [1, 2], data: Float32Array.of(0.1, -7) },
      { name: 'double', dataType: 'float64', dims: [1], data: Float64Array.of(0.1) },
      { name: 'none', dataType: 'float16', dims: [0, 3], data: new Uint16Array(0) },
      { name: 'integer', dataType: 'int64', dims: [1], data: new BigInt64Array(1) },
    ]);
    const read = (name: string): number[] => [...readTensorFloat32(tensorOf(path, name))];
    assert.equal(read('half'), [1, -(2 ** -24)]);
    assert.equal(read('brain'), [1, -3.140625]);
    assert.equal(read('single'), [Math.fround(0.1), -7]);
    assert.equal(read('double'), [Math.fround(0.1)]);
    assert.equal(read('none'), []);
    assert.match(inputError(() => read('integer')).message, /"integer" is int64, which can't be read as float32/);
  }));

const float8Types: readonly (readonly [DataType, name: string])[] = [
  ['float8_e4m3', 'e4m3fn'],
  ['float8_e4m3fnuz', 'e4m3fnuz'],
  ['float8_e5m2', 'e5m2'],
  ['float8_e5m2fnuz', 'e5m2fnuz'],
  ['float8_e8m0', 'e8m0fnu'],
];

for (const [dataType, name] of float8Types) {
  test(`all values of ${dataType} are those of PyTorch`, () =>
    withTemporaryDirectory(async (directory) => {
      const golden: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'golden/float8.json'), 'utf8'));
      const text = isJsonObject(golden) ? String(golden[name]) : '';
      const expected = new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);
      const path = join(directory, 'model.safetensors');
      const data = Uint8Array.from({ length: 256 }, (_, bits) => bits);
      writeSafetensors(path, [{ name: 'w', dataType, dims: [16, 16], data }]);
      const values = readTensorFloat32(tensorOf(path, 'w'));
      assert.is(expected.length, 256);
      assert.ok(values.every((value, bits) => Object.is(value, expected[bits])));
    }));
}

test('a tensor longer than one chunk is read whole', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    const bits = Uint16Array.from({ length: 2 * 1024 * 1024 + 3 }, (_, index) => index % 0x7c00);
    writeSafetensors(path, [{ name: 'w', dataType: 'bfloat16', dims: [bits.length], data: bits }]);
    const values = readTensorFloat32(tensorOf(path, 'w'));
    const back = new Uint32Array(values.buffer);
    assert.is(values.length, bits.length);
    assert.ok(back.every((pattern, index) => pattern >>> 16 === bits[index]));
  }));

test('a tensor at an odd offset is read', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    const header = JSON.stringify({
      a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
      b: { dtype: 'F32', shape: [1], data_offsets: [1, 5] },
    });
    writeFileSync(path, safetensorsBytes(`${header} `, Uint8Array.of(9, 0, 0, 0x80, 0x3f)));
    assert.equal([...readTensorFloat32(tensorOf(path, 'b'))], [1]);
  }));

test('a file that became shorter after it was opened is refused', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    writeSafetensors(path, [{ name: 'w', dataType: 'float16', dims: [4], data: new Uint16Array(4) }]);
    const tensor = tensorOf(path, 'w');
    truncateSync(path, tensor.offset + tensor.byteLength - 1);
    assert.match(inputError(() => readTensorFloat32(tensor)).message, /"w" is no longer in the file/);
  }));

test('NaN and infinity in weights are named by tensor and place', () => {
  const tensor: CheckpointTensor = {
    name: 'layers.0.weight',
    dataType: 'float32',
    dims: [2, 3],
    path: 'model.safetensors',
    offset: 0,
    byteLength: 24,
  };
  checkFinite(tensor, Float32Array.of(0, -0, 3.4e38, 1, 1, 1));
  const check = (...values: number[]): string =>
    inputError(() => checkFinite(tensor, Float32Array.from(values))).message;
  assert.is(check(0, 0, 0, 0, Number.NaN, Number.NaN), 'model.safetensors: tensor "layers.0.weight" has NaN at [1, 1]');
  assert.match(check(0, 0, Number.NEGATIVE_INFINITY, 0, 0, 0), /has -Infinity at \[0, 2\]/);
});

test('the embedded model has the parameters its README states', () => {
  const checkpoint = openSafetensors(embeddedModel);
  assert.is(checkpoint.metadata.get('format'), 'pt');
  let parameters = 0;
  for (const tensor of checkpoint.tensors.values()) {
    const values = readTensorFloat32(tensor);
    checkFinite(tensor, values);
    parameters += values.length;
  }
  assert.is(parameters, 4_339_712);
});

test.run();
