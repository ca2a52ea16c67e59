import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor as SessionTensor } from 'onnxruntime-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { encodeModel } from '../../src/onnx/encode-model.js';
import type { ExternalPlace } from '../../src/onnx/encode-tensor.js';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { readModel } from '../../src/onnx/read.js';
import { FileTensor, float32Of, LazyTensor, type Tensor } from '../../src/onnx/tensor.js';
import { type WriteLayout, writeModel } from '../../src/onnx/write.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { describeModel } from './describe-model.js';
import { sampleModel, squareMatrix } from './sample-model.js';

const layouts: readonly WriteLayout[] = ['per-tensor', 'merged'];

function modelOf(tensors: { readonly [name: string]: Tensor }): Model {
  const graph = new Graph('g');
  for (const [name, tensor] of Object.entries(tensors)) graph.addInitializer(name, tensor);
  return new Model({ graph, opsets: new Map([['', 24]]) });
}

function initializer(model: Model, name: string): Tensor {
  const tensor = model.graph.initializers.get(name)?.initializer;
  if (tensor === undefined) throw new Error(`there is no initializer ${name}`);
  return tensor;
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

function refuses(path: string, message: RegExp): void {
  assert.throws(
    () => readModel(path),
    (error: unknown) => {
      if (error instanceof QuernError && error.code === 'input' && message.test(error.message)) return true;
      throw error;
    },
  );
}

/** Writes a model with one float32 tensor of 4 elements, `weight`, that says its elements are at `place`. */
function writeReference(directory: string, place: ExternalPlace, byteLength = 16): string {
  const tensor = { dataType: 'float32' as const, dims: [4], byteLength, bytes: () => new Uint8Array(byteLength) };
  const path = join(directory, 'model.onnx');
  writeFileSync(path, encodeModel(modelOf({ weight: tensor }), new Map([[tensor, place]])));
  return path;
}

for (const layout of layouts) {
  test(`a model is read as it was written, layout ${layout}`, () =>
    withTemporaryDirectory(async (directory) => {
      const first = join(directory, 'first');
      const second = join(directory, 'second');
      writeModel(sampleModel(), first, { layout });
      const model = readModel(join(first, 'model.onnx'));
      const expected = sampleModel();
      expected.irVersion = 12;
      assert.equal(describeModel(model), describeModel(expected));
      assert.ok(initializer(model, 'layers.0.weight') instanceof FileTensor);
      assert.not(initializer(model, 'half') instanceof FileTensor);
      writeModel(model, second, { layout });
      assert.equal(filesOf(second), filesOf(first));
      for (const name of filesOf(first)) {
        assert.ok(readFileSync(join(first, name)).equals(readFileSync(join(second, name))), name);
      }
    }));

  test(`ONNX Runtime runs what was written, layout ${layout}`, () =>
    withTemporaryDirectory(async (directory) => {
      writeModel(sampleModel(), directory, { layout });
      const session = await InferenceSession.create(join(directory, 'model.onnx'));
      const row = Float32Array.from({ length: 32 }, (_, index) => index / 32);
      const x = new SessionTensor('float32', row, [1, 32]);
      const results = await session.run({ x, choose: new SessionTensor('bool', [true], []) });
      assert.equal(results.unpacked?.data, Float32Array.of(2, 4, -2));
      const { data } = results.y ?? {};
      assert.ok(data instanceof Float32Array);
      const expected = [3, 5, 7].reduce((values: number[], seed) => multiply(values, squareMatrix(seed)), [...row]);
      for (const [index, value] of data.entries()) {
        assert.ok(Math.abs(value / (0.5 * (expected[index] ?? 0)) - 1) < 1e-5, `column ${index}`);
      }
      await session.release();
    }));

  test(`nothing is overwritten, layout ${layout}`, () =>
    withTemporaryDirectory(async (directory) => {
      writeModel(sampleModel(), directory, { layout });
      assert.throws(() => writeModel(sampleModel(), directory, { layout }), /EEXIST/);
    }));
}

function multiply(row: readonly number[], matrix: Tensor): number[] {
  const elements = float32Of(matrix);
  return row.map((_, column) =>
    row.reduce((sum, value, index) => sum + value * (elements[index * 32 + column] ?? 0), 0),
  );
}

test('per-tensor: small tensors stay in the model, whole files are linked, other tensors are written', () =>
  withTemporaryDirectory(async (directory) => {
    writeModel(sampleModel(), join(directory, 'a'), { layout: 'per-tensor' });
    const files = filesOf(join(directory, 'a'));
    assert.is(files.length, 4);
    assert.ok(files.includes('weights/layers.0.weight') && files.includes('weights/branch.weight'));
    const model = readModel(join(directory, 'a', 'model.onnx'));
    writeModel(model, join(directory, 'linked'), { layout: 'per-tensor' });
    writeModel(model, join(directory, 'copied'), { layout: 'per-tensor', hardLinks: false });
    const file = (name: string): number => statSync(join(directory, name, 'weights/branch.weight')).ino;
    assert.is(file('linked'), file('a'));
    assert.is.not(file('copied'), file('a'));
    writeModel(model, join(directory, 'b'), { layout: 'merged', externalFromBytes: 2 });
    const merged = readModel(join(directory, 'b/model.onnx'));
    writeModel(merged, join(directory, 'c'), { layout: 'per-tensor' });
    assert.equal(filesOf(join(directory, 'c')), files);
    const tensors = [...merged.graph.initializers.values()].map(({ initializer: tensor }) => tensor);
    assert.is(tensors.length, 5);
    for (const tensor of tensors) assert.ok(tensor instanceof FileTensor && tensor.offset % 4096 === 0);
  }));

test('a tensor that initializers share is written once', () =>
  withTemporaryDirectory(async (directory) => {
    const shared = squareMatrix(3);
    writeModel(modelOf({ one: shared, two: shared }), directory, { layout: 'per-tensor' });
    assert.equal(filesOf(directory), ['model.onnx', 'weights/one']);
    const model = readModel(join(directory, 'model.onnx'));
    assert.equal(initializer(model, 'two').bytes(), shared.bytes());
  }));

test('tensors are loaded one at a time, and large ones in pieces', () =>
  withTemporaryDirectory(async (directory) => {
    const elements = new Float32Array(3 * 2 ** 20 + 5).map((_, index) => index);
    const raw = new Uint8Array(elements.buffer);
    writeFileSync(join(directory, 'source'), Buffer.concat([Buffer.alloc(3), raw]));
    const lazy = new LazyTensor('float32', [elements.length], () => raw);
    const file = new FileTensor('float32', [elements.length], join(directory, 'source'), 3);
    writeModel(modelOf({ lazy, file }), join(directory, 'out'), { layout: 'merged' });
    const model = readModel(join(directory, 'out/model.onnx'));
    for (const name of ['lazy', 'file']) assert.ok(Buffer.from(initializer(model, name).bytes()).equals(raw));
  }));

test('a source that became shorter is an error', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'source');
    writeFileSync(path, new Uint8Array(4096));
    const tensor = new FileTensor('float32', [1024], path, 0);
    truncateSync(path, 4000);
    assert.throws(() => tensor.bytes(), /ends at byte 4000/);
    assert.throws(
      () => writeModel(modelOf({ tensor }), join(directory, 'out'), { layout: 'merged' }),
      (error: unknown) => error instanceof QuernError && error.code === 'input',
    );
    const gone = new FileTensor('float32', [1024], join(directory, 'gone'), 0);
    assert.throws(
      () => writeModel(modelOf({ gone }), join(directory, 'none'), { layout: 'per-tensor' }),
      (error: unknown) => error instanceof QuernError && /can't be opened/.test(error.message),
    );
  }));

test('files that are no model are refused by name', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.onnx');
    refuses(path, /model\.onnx: there is no such file/);
    refuses(join(path, 'below'), /there is no such file/);
    refuses(directory, /is not a file/);
    writeFileSync(path, 'garbage');
    refuses(path, /model\.onnx is not a readable ONNX model: ./);
    writeFileSync(path, encodeModel(sampleModel()).subarray(0, 500));
    refuses(path, /is not a readable ONNX model/);
    truncateSync(path, 2 ** 31);
    refuses(path, /2 GiB/);
  }));

test('external data is where the model says, or refused with the name of the tensor', () =>
  withTemporaryDirectory(async (directory) => {
    writeFileSync(
      join(directory, 'data'),
      Uint8Array.from({ length: 20 }, (_, index) => index),
    );
    mkdirSync(join(directory, 'folder'));
    const reads = (location: string, offset: number, byteLength?: number): string =>
      writeReference(directory, { location, offset }, byteLength);
    const weight = initializer(readModel(reads('data', 4)), 'weight');
    assert.equal(
      [...weight.bytes()],
      Array.from({ length: 16 }, (_, index) => index + 4),
    );
    assert.is(float32Of(weight).length, 4);
    refuses(reads('data', 5), /tensor "weight" takes the bytes 5 to 21 of data, which has 20/);
    refuses(reads('data', 2 ** 52), /which has 20/);
    refuses(reads('data', 2 ** 70), /impossible offset/);
    refuses(reads('data', -4), /impossible offset "-4"/);
    refuses(reads('data', 0.5), /impossible offset/);
    refuses(reads('data', 0, 12), /takes 16 bytes with its shape \[4\], but 12/);
    refuses(reads('data', 0, -1), /impossible length/);
    refuses(reads('missing', 0), /tensor "weight" is in the file "missing", which is not there/);
    refuses(reads('folder', 0), /is not there/);
    refuses(reads('', 0), /tensor "weight" .* not a relative path/);
    refuses(reads('da\0ta', 0), /not a relative path/);
  }));

test('external data can not be outside the folder of the model', () =>
  withTemporaryDirectory(async (root) => {
    const directory = join(root, 'model');
    mkdirSync(join(directory, 'folder'), { recursive: true });
    mkdirSync(join(root, 'model-2'));
    for (const name of ['secret', 'model-2/secret', 'model/data']) writeFileSync(join(root, name), new Uint8Array(16));
    for (const location of ['../secret', 'folder/../../secret', join(root, 'secret'), 'C:\\secret', '..\\secret']) {
      refuses(writeReference(directory, { location, offset: 0 }), /tensor "weight" .*not a relative path inside/);
    }
    symlinkSync('../secret', join(directory, 'escape'));
    symlinkSync('..', join(directory, 'parent'));
    symlinkSync('../model-2', join(directory, 'sibling'));
    for (const location of ['escape', 'parent/secret', 'sibling/secret']) {
      refuses(writeReference(directory, { location, offset: 0 }), /tensor "weight" .* leads out of the model's folder/);
    }
    symlinkSync('../data', join(directory, 'folder', 'inside'));
    assert.ok(readModel(writeReference(directory, { location: 'folder/inside', offset: 0 })));
    assert.ok(readModel(writeReference(directory, { location: './data', offset: 0 })));
  }));

test('a model that is a link finds its data beside the file it leads to', () =>
  withTemporaryDirectory(async (root) => {
    for (const name of ['blobs', 'snapshot']) mkdirSync(join(root, name));
    renameSync(writeReference(root, { location: 'data', offset: 0 }), join(root, 'blobs/1'));
    writeFileSync(join(root, 'blobs/2'), new Uint8Array(16));
    symlinkSync('../blobs/1', join(root, 'snapshot/model.onnx'));
    symlinkSync('../blobs/2', join(root, 'snapshot/data'));
    assert.is(initializer(readModel(join(root, 'snapshot/model.onnx')), 'weight').bytes().length, 16);
    copyFileSync(join(root, 'blobs/1'), join(root, 'snapshot/copy.onnx'));
    refuses(join(root, 'snapshot/copy.onnx'), /leads out/);
  }));

test.run();
