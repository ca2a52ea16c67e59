import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import type { BoundRun, Session } from '../../src/ort/engine.js';
import { openEngine } from '../../src/ort/open-engine.js';
import {
  bytesOf,
  codeOfDataType,
  type DataType,
  type TensorData,
  tensorOver,
  tensorSizeBytes,
  zeros,
} from '../../src/ort/tensor-data.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { encodeModel } from './encode-model.js';
import { floats, matMul, value } from './models.js';

v8.setFlagsFromString('--expose-gc');
const collectGarbage: () => void = vm.runInNewContext('gc');

const ones = floats([1, 3], [1, 1, 1]);

function identity(type: number): Uint8Array {
  return encodeModel({
    inputs: { x: { type, dims: ['n'] } },
    outputs: { y: { type, dims: ['n'] } },
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
}

/** Binds an input that nothing else refers to. */
function bindOnes(session: Session, y: TensorData<'float32'>): BoundRun {
  const x = zeros('float32', [4096, 3]);
  x.data.fill(1);
  return session.bind({ x }, { y });
}

/**
 * By how many MiB the process grows in each of four equal rounds, at least. A heap may grow once or twice and then be
 * large enough; what leaks grows every time.
 */
function leakMiB(times: number, act: () => void): number {
  const sizes = Array.from({ length: 5 }, () => {
    for (let index = 0; index < times / 4; index++) act();
    collectGarbage();
    return process.memoryUsage.rss() / 2 ** 20;
  });
  return Math.min(...sizes.slice(1).map((size, index) => size - (sizes[index] ?? 0)));
}

function assertRefused(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error: unknown) => {
    assert.instance(error, QuernError);
    return error instanceof QuernError && error.code === 'engine' && message.test(error.message);
  });
}

// The C API has to come first: it starts ONNX Runtime with the thread pool that its sessions share.
const engines = [
  await openEngine({ threads: 2, implementation: 'c-api' }),
  await openEngine({ threads: 2, implementation: 'binding' }),
];

for (const engine of engines) {
  const using = <T>(bytes: Uint8Array, use: (session: Session) => T): T => {
    const session = engine.openSession({ bytes });
    try {
      return use(session);
    } finally {
      session.release();
    }
  };

  test(`${engine.name}: a model says what it takes and gives`, () => {
    assert.match(engine.version, /^1\.30\./);
    assert.is(engine.threads, 2);
    using(matMul, ({ inputs, outputs }) => {
      assert.equal(inputs, [{ name: 'x', dataType: 'float32', dims: ['rows', 3] }]);
      assert.equal(outputs, [{ name: 'y', dataType: 'float32', dims: ['rows', 2] }]);
    });
  });

  test(`${engine.name}: outputs take the shape of the run, down to none`, () => {
    using(matMul, (session) => {
      assert.equal(session.run({ x: floats([2, 3], [1, 0, 0, 0, 1, 1]) }), { y: floats([2, 2], [1, 2, 8, 10]) });
      assert.equal(session.run({ x: ones }), { y: floats([1, 2], [9, 12]) });
      assert.equal(session.run({ x: floats([0, 3], []) }), { y: floats([0, 2], []) });
    });
  });

  test(`${engine.name}: every element type passes bit by bit`, () => {
    const types: DataType[] = ['float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'bool', 'float16'];
    for (const dataType of [...types, 'float64', 'uint32', 'uint64'] satisfies DataType[]) {
      const x = tensorOver(dataType, [3], new ArrayBuffer(tensorSizeBytes(dataType, [3])));
      bytesOf(x.data).forEach((_, index, bytes) => {
        bytes[index] = dataType === 'bool' ? index % 2 : 200 + index;
      });
      using(identity(codeOfDataType(dataType)), (session) => {
        const y = session.run({ x }).y;
        assert.is(y?.dataType, dataType);
        assert.equal(y?.data, x.data);
      });
    }
  });

  test(`${engine.name}: only the outputs asked for are fetched`, () => {
    const model = encodeModel({
      inputs: { x: value('float32', 2) },
      outputs: { a: value('float32', 2), b: value('float32', 2) },
      nodes: [
        { op: 'Abs', inputs: ['x'], outputs: ['a'] },
        { op: 'Neg', inputs: ['x'], outputs: ['b'] },
      ],
    });
    using(model, (session) => {
      assert.equal(session.run({ x: floats([2], [1, -2]) }, ['b']), { b: floats([2], [-1, 2]) });
      assertRefused(() => session.run({ x: floats([2], [1, -2]) }, ['c']), /no output c; it has a, b/);
    });
  });

  test(`${engine.name}: wrong feeds are named`, () => {
    using(matMul, (session) => {
      assertRefused(() => session.run({}), /input x of the model was not given/);
      assertRefused(() => session.run({ x: ones, z: ones }), /no input z; it has x/);
      assertRefused(() => session.run({ x: zeros('int32', [1, 3]) }), /input x is float32, not int32/);
      assertRefused(() => session.run({ x: floats([1, 4], [1, 2, 3, 4]) }), /input: x .* Got: 4 Expected: 3/);
      assert.throws(() => session.run({ x: { ...ones, dims: [2, 3] } }), /input x: 3 elements for dimensions \[2, 3\]/);
    });
  });

  test(`${engine.name}: a bound run reads and writes the buffers it was given`, () => {
    using(matMul, (session) => {
      const x = zeros('float32', [1, 3]);
      const y = zeros('float32', [1, 2]);
      const bound = session.bind({ x }, { y });
      for (const factor of [1, 2]) {
        x.data.fill(factor);
        bound.run();
        assert.equal([...y.data], [9 * factor, 12 * factor]);
      }
      bound.release();
      bound.release();
      assert.throws(() => bound.run(), /released/);
    });
  });

  test(`${engine.name}: buffers may be shared between threads`, () => {
    using(matMul, (session) => {
      const x = tensorOver('float32', [1, 3], new SharedArrayBuffer(16), 4);
      const y = tensorOver('float32', [1, 2], new SharedArrayBuffer(8));
      const bound = session.bind({ x }, { y });
      x.data.fill(1);
      bound.run();
      assert.equal([...y.data], [9, 12]);
      assert.equal(session.run({ x }), { y: floats([1, 2], [9, 12]) });
    });
  });

  test(`${engine.name}: small typed arrays stay in place while bound`, () => {
    using(matMul, (session) => {
      const x: TensorData<'float32'> = { dataType: 'float32', dims: [1, 3], data: new Float32Array(3) };
      const y: TensorData<'float32'> = { dataType: 'float32', dims: [1, 2], data: new Float32Array(2) };
      const bound = session.bind({ x }, { y });
      const moved = Array.from({ length: 20_000 }, () => new Float32Array(3).fill(5));
      collectGarbage();
      x.data.fill(1);
      bound.run();
      assert.equal([...y.data], [9, 12]);
      assert.is(moved.at(-1)?.[0], 5);
    });
  });

  test(`${engine.name}: buffers live as long as what is bound to them`, () => {
    using(matMul, (session) => {
      const y = zeros('float32', [4096, 2]);
      const bound = bindOnes(session, y);
      collectGarbage();
      const others = Array.from({ length: 50 }, () => zeros('float32', [4096, 3]));
      bound.run();
      assert.ok(y.data.every((element, index) => element === (index % 2 === 0 ? 9 : 12)));
      assert.is(others.length, 50);
    });
  });

  test(`${engine.name}: bindings are checked`, () => {
    using(matMul, (session) => {
      assertRefused(() => session.bind({ x: ones }, { z: zeros('float32', [1, 2]) }), /no output z; it has y/);
      assertRefused(() => session.bind({ x: ones }, { y: zeros('int8', [1, 2]) }), /output y is float32, not int8/);
      assertRefused(() => session.bind({}, { y: zeros('float32', [1, 2]) }), /input x of the model was not given/);
      assert.throws(() => session.bind({ x: ones }, {}), /without outputs/);
      const y = zeros('float32', [1, 3]);
      assertRefused(() => session.bind({ x: ones }, { y }).run(), /the model can't be run: .*output.* y/);
    });
  });

  test(`${engine.name}: what is released can't be used`, () => {
    const session = engine.openSession({ bytes: matMul });
    const bound = session.bind({ x: ones }, { y: zeros('float32', [1, 2]) });
    session.release();
    session.release();
    assert.throws(() => bound.run(), /released/);
    assert.throws(() => session.run({ x: ones }), /released/);
    assert.throws(() => session.bind({ x: ones }, { y: zeros('float32', [1, 2]) }), /released/);
  });

  test(`${engine.name}: models that can't be opened say why`, () => {
    assertRefused(
      () => engine.openSession({ path: '/missing/model.onnx' }),
      /^the model \/missing\/model.onnx can't be/,
    );
    assertRefused(() => engine.openSession({ bytes: Buffer.from('not a model') }), /protobuf parsing failed/);
    assertRefused(() => engine.openSession({ bytes: new Uint8Array(0) }), /can't be opened/);
    const unknown = encodeModel({
      inputs: { x: value('float32', 1) },
      outputs: { y: value('float32', 1) },
      nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }],
    });
    assertRefused(() => engine.openSession({ bytes: unknown }), /NoSuchOperator/);
  });

  test(`${engine.name}: element types without a typed array are refused`, () => {
    assertRefused(() => engine.openSession({ bytes: identity(8) }), /input x of the model has elements of string/);
    const int4 = encodeModel({
      inputs: { x: value('float32', 2) },
      outputs: { y: { type: 22, dims: [2] } },
      nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: 22n } }],
    });
    assertRefused(() => engine.openSession({ bytes: int4 }), /output y of the model has elements of int4/);
  });

  test(`${engine.name}: a failing operator is named`, () => {
    const gather = encodeModel({
      inputs: { x: value('float32', 2), index: value('int64', 1) },
      outputs: { y: value('float32', 1) },
      nodes: [{ op: 'Gather', inputs: ['x', 'index'], outputs: ['y'] }],
    });
    const index = tensorOver('int64', [1], BigInt64Array.of(7n).buffer);
    using(gather, (session) => {
      assertRefused(() => session.run({ x: zeros('float32', [2]), index }), /Gather node.*out of data bounds, idx=7/);
    });
  });

  test(`${engine.name}: external data is found beside the model or in the folder given`, async () => {
    const model = encodeModel({
      inputs: { x: value('float32', 'rows', 3) },
      outputs: { y: value('float32', 'rows', 2) },
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      externalInitializers: { w: { dataType: 'float32', dims: [3, 2], location: 'w.bin' } },
    });
    await withTemporaryDirectory(async (directory) => {
      await writeFile(join(directory, 'w.bin'), Float32Array.of(1, 2, 3, 4, 5, 6));
      await writeFile(join(directory, 'model.onnx'), model);
      const sources = [{ path: join(directory, 'model.onnx') }, { bytes: model, externalDataFolder: directory }];
      for (const source of sources) {
        for (const prepack of [true, false]) {
          const session = engine.openSession(source, { prepack });
          assert.equal(session.run({ x: ones }), { y: floats([1, 2], [9, 12]) });
          session.release();
        }
      }
      assertRefused(() => engine.openSession({ bytes: model, externalDataFolder: join(directory, 'no') }), /opened: /);
    });
  });

  test(`${engine.name}: configuration keys reach ONNX Runtime, unknown ones do not`, () => {
    const bytes = matMul;
    assertRefused(
      () => engine.openSession({ bytes }, { config: JSON.parse('{"session.intra": "1"}') }),
      /session.intra/,
    );
    const config = { 'session.qdq_matmulnbits_accuracy_level': 'high' };
    assertRefused(() => engine.openSession({ bytes }, { config }), /can't be opened/);
  });

  test(`${engine.name}: a profile is written when the session is released`, async () => {
    await withTemporaryDirectory(async (directory) => {
      const session = engine.openSession({ bytes: matMul }, { profilePrefix: join(directory, 'steps') });
      session.run({ x: ones });
      session.release();
      const names = await readdir(directory);
      assert.is(names.length, 1);
      assert.match(names[0] ?? '', /^steps_.*\.json$/);
    });
  });

  test(`${engine.name}: a thousand sessions leave nothing behind`, () => {
    const y = zeros('float32', [1, 2]);
    const leaked = leakMiB(1000, () =>
      using(matMul, (session) => {
        session.run({ x: ones });
        session.bind({ x: ones }, { y }).run();
      }),
    );
    assert.ok(leaked < 0.4, `leaks ${leaked.toFixed(1)} MiB`);
  });

  test(`${engine.name}: many runs and bindings of a session leave nothing behind`, () => {
    const y = zeros('float32', [1, 2]);
    using(matMul, (session) => {
      const leaked = leakMiB(20_000, () => {
        session.run({ x: ones });
        session.bind({ x: ones }, { y }).release();
      });
      assert.ok(leaked < 0.4, `leaks ${leaked.toFixed(1)} MiB`);
    });
  });
}

test('bfloat16 passes through the C API; the addon refuses it', () => {
  const [cApi, binding] = engines;
  const x = tensorOver('bfloat16', [2], Uint16Array.of(0x3f80, 0xc000).buffer);
  const bytes = identity(codeOfDataType('bfloat16'));
  assert.equal(cApi?.openSession({ bytes }).run({ x }), { y: x });
  assertRefused(() => binding?.openSession({ bytes }), /input x of the model is bfloat16/);
});

test('closing an engine releases its sessions', () => {
  for (const engine of engines) {
    const session = engine.openSession({ bytes: matMul });
    engine.close();
    engine.close();
    assert.throws(() => session.run({ x: ones }), /released/);
    assert.throws(() => engine.openSession({ bytes: matMul }), /closed/);
  }
});

test.run();
