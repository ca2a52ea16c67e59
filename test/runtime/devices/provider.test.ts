import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { groupQdqProducts, outputStepKey } from '../../../src/models/group-qdq.js';
import { logitError } from '../../../src/models/logit-error.js';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { encodeModel } from '../../../src/onnx/encode-model.js';
import { Graph } from '../../../src/onnx/ir.js';
import { Model } from '../../../src/onnx/model.js';
import type { Value } from '../../../src/onnx/node.js';
import { tensorFrom } from '../../../src/onnx/tensor.js';
import type { ProviderRequest } from '../../../src/ort/execution-provider.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { isTensorOf } from '../../../src/ort/tensor-data.js';
import { cpuDevice } from '../../../src/runtime/devices/cpu.js';
import type { Device, LinearOperator } from '../../../src/runtime/devices/device.js';
import { simulatedNpu } from '../../../src/runtime/devices/npu/simulated.js';
import { openProviderDevice } from '../../../src/runtime/devices/provider/provider-device.js';
import { openEagerModel } from '../../../src/runtime/eager-model.js';
import { roleOf } from '../../../src/runtime/operators.js';
import { openWholeGraph } from '../../../src/runtime/whole-graph.js';
import { quantizedChain } from '../../models/qdq-model.js';
import { createModelFixtures } from '../model-fixtures.js';
import { floatSource, multiply, pseudoRandom, qlinearSource, randomCodes } from '../operator-fixtures.js';

const fixtures = await createModelFixtures(1);
const engine = await openEngine({ threads: 2, implementation: 'c-api' });
test.after(async () => {
  engine.close();
  await fixtures.remove();
});

function failureOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, QuernError);
    return (error as QuernError).message;
  }
  return assert.unreachable('it should have failed') as never;
}

/** The device, or nothing and a line that says so where `isMissing` recognises the reason. */
function deviceOrSkip(request: ProviderRequest, isMissing: RegExp): Device | undefined {
  try {
    return openProviderDevice(engine, request);
  } catch (error) {
    if (!(error instanceof QuernError) || !isMissing.test(error.message)) throw error;
    console.log(`SKIP tests of real devices: ${error.message}`);
    return undefined;
  }
}

const webgpu = deviceOrSkip({ builtIn: 'webgpu' }, /adapter|Vulkan/i);

if (webgpu !== undefined) {
  test('WebGPU runs the float layers of a model, near to the CPU', () => {
    const whole = openWholeGraph(engine, openModelDirectory(fixtures.float));
    const opened = openModelDirectory(fixtures.float);
    const model = openEagerModel({ engine, opened, devices: [webgpu], granularity: 'island', capacity: 16 });
    assert.equal([model.placement.offloaded.size, model.placement.npuCoverage], [7, 1]);
    const [row] = model.placement.rows.filter(({ device }) => device === 'ep:webgpu');
    assert.match(row?.reason ?? '', /^ep:webgpu takes float: (within \de-\d of the CPU|with the CPU's result)$/);
    for (const ids of [[2, 100, 200, 300], [17], [18], [2, 5]]) {
      assert.ok(logitError(whole.forwardAll(ids), model.forwardAll(ids)) < 1e-4);
    }
    assert.equal(model.faults, []);
    for (const decoder of [whole, model]) decoder.close();
  });

  test('WebGPU takes 4-bit blocks; int8 products stay on the CPU and are not taken over silently', async () => {
    const directory = await fixtures.quantized('w4-nbits');
    const opened = openModelDirectory(directory);
    const model = openEagerModel({ engine, opened, devices: [webgpu], granularity: 'island', capacity: 16 });
    assert.is(model.placement.offloaded.size, 7);
    model.close();
    const source = qlinearSource(engine, randomCodes(64 * 32), 64, 1, 8);
    const support = webgpu.supports(source.operator, source);
    assert.ok(!support.ok && /^it does not run DynamicQuantizedMatMul/.test(support.reason));
  });

  test('a device that is asked without an operator to try does not guess', () => {
    const { operator } = floatSource(engine, pseudoRandom(64), 8);
    assert.not(webgpu.supports(operator).ok);
    assert.not(webgpu.supports({ ...operator, constantWeights: false }).ok);
  });

  test('a provider does not belong to another engine', () => {
    const provider = engine.openProvider({ builtIn: 'webgpu' });
    const strange = { name: provider.name, request: provider.request };
    const { model } = floatSource(engine, pseudoRandom(64), 8);
    const bytes = encodeModel(model, new Map());
    assert.throws(() => engine.openSession({ bytes }, { provider: strange }), /not one of this engine/);
  });
}

const qnnDirectory = process.env.QUERN_TEST_QNN ?? '';
const qnnLibrary = join(qnnDirectory, 'libonnxruntime_providers_qnn.so');
const qnnRequest = { library: qnnLibrary, name: 'QNN', options: { backend_type: 'htp' } };

if (qnnDirectory === '' || !existsSync(qnnLibrary)) {
  console.log("SKIP tests of Qualcomm's NPU simulator: QUERN_TEST_QNN is not the directory of its libraries");
} else {
  const qnn = openProviderDevice(engine, qnnRequest);

  test("Qualcomm's NPU simulator runs float products of fixed shapes, as many as there are", () => {
    const [k, n] = [64, 48];
    const source = floatSource(engine, pseudoRandom(k * n), k);
    const support = qnn.supports(source.operator, source);
    assert.ok(support.ok && /within \de-\d of the CPU/.test(support.note ?? ''));
    const prepared = qnn.prepare(source);
    const reference = engine.openSession({ bytes: encodeModel(source.model, new Map()) });
    for (const rows of [1, 3, 1, 2, 4, 5, 6, 7, 3]) {
      const x = pseudoRandom(rows * k, rows);
      assert.ok(logitError(multiply(reference, x, rows), multiply(prepared, x, rows)) < 1e-2);
    }
    for (const session of [prepared, reference]) session.release();
  });

  test("a model runs on Qualcomm's NPU simulator", () => {
    const whole = openWholeGraph(engine, openModelDirectory(fixtures.float));
    const opened = openModelDirectory(fixtures.float);
    const model = openEagerModel({ engine, opened, devices: [qnn], granularity: 'island', capacity: 8 });
    assert.is(model.placement.offloaded.size, 7);
    for (const ids of [[2, 100, 200], [17], [18]]) {
      assert.ok(logitError(whole.forwardAll(ids), model.forwardAll(ids)) < 2e-2);
    }
    for (const decoder of [whole, model]) decoder.close();
  });

  test("Qualcomm's NPU simulator takes a whole QDQ int8 product, and nothing of it is left to the CPU", () => {
    const bytes = quantizedProduct(8, 128, 64);
    const provider = engine.openProvider(qnnRequest);
    const [onDevice, onCpu] = [{ provider }, {}].map((options) => {
      const session = engine.openSession({ bytes }, options);
      const y = multiply(session, pseudoRandom(8 * 128, 3), 8);
      session.release();
      return y;
    });
    const step = 0.1;
    for (const [index, value] of onCpu!.entries()) assert.ok(Math.abs(value - onDevice![index]!) <= 1.01 * step);
    assert.ok(onCpu!.some((value) => value !== 0));
  });

  test("Qualcomm's NPU simulator takes the products of a QDQ model one by one, as a device", () => {
    const model = quantizedChain();
    groupQdqProducts(model);
    for (const node of model.graph.nodes) {
      const role = roleOf(node);
      assert.ok(role.isLinear);
      const { operator } = role;
      const source = { operator, engine, model, node, directory: import.meta.dirname };
      const support = qnn.supports(operator, source);
      assert.ok(support.ok, JSON.stringify(support));
      const [prepared, reference] = [qnn.prepare(source), cpuDevice.prepare(source)];
      const x = { dataType: 'float32' as const, dims: [1, 3, operator.k], data: pseudoRandom(3 * operator.k, 9) };
      const [actual, expected] = [prepared, reference].map((session) => {
        const result = session.run({ [session.inputs[0]!.name]: x })[node.output.name];
        assert.ok(result !== undefined && isTensorOf(result, 'float32'));
        return result.data;
      });
      const step = Number(node.metadata.get(outputStepKey));
      for (const [index, value] of expected!.entries()) assert.ok(Math.abs(value - actual![index]!) <= 1.01 * step);
      assert.ok(new Set(expected).size > 10);
      for (const session of [prepared, reference]) session.release();
    }
    const { operator } = roleOf(model.graph.nodes[0]!) as { operator: LinearOperator };
    assert.not(simulatedNpu('stx').supports(operator).ok);
  });

  test('a library is registered once for all engines, and a device it does not have is named', async () => {
    const another = await openEngine({ threads: 2, implementation: 'c-api' });
    assert.is(another.openProvider(qnnRequest).name, 'QNN');
    another.close();
    assert.is(engine.openProvider(qnnRequest).name, 'QNN');
    const text = failureOf(() => engine.openProvider({ ...qnnRequest, hardware: 'gpu' }));
    assert.match(text, /^the execution provider QNN finds no gpu, only (cpu|npu)/);
  });
}

/** float32 [1, rows, k] -> QuantizeLinear -> DequantizeLinear -> MatMul with dequantized weights -> Quantize, Dequantize. */
function quantizedProduct(rows: number, k: number, n: number): Uint8Array {
  const graph = new Graph('qdq');
  const scalar = (name: string, value: number): Value =>
    graph.addInitializer(name, tensorFrom('float32', [], Float32Array.of(value)));
  const point = (name: string, type: 'uint8' | 'int8', value: number): Value =>
    graph.addInitializer(
      name,
      tensorFrom(type, [], type === 'int8' ? Int8Array.of(value) : (Uint8Array.of(value) as never)),
    );
  const node = (opType: string, name: string, inputs: readonly Value[]): Value =>
    graph.addNode({ opType, name, inputs, outputs: [name] }).output;
  const x = graph.addInput('x', { dataType: 'float32', shape: [1, rows, k] });
  const [xScale, xPoint] = [scalar('xs', 1 / 128), point('xz', 'uint8', 128)];
  const [wScale, wPoint] = [scalar('ws', 0.01), point('wz', 'int8', 0)];
  const [yScale, yPoint] = [scalar('ys', 0.1), point('yz', 'uint8', 128)];
  const left = node('DequantizeLinear', 'xd', [node('QuantizeLinear', 'xq', [x, xScale, xPoint]), xScale, xPoint]);
  const codes = graph.addInitializer('w', tensorFrom('int8', [k, n], randomCodes(k * n, 5)));
  const product = node('MatMul', 'product', [left, node('DequantizeLinear', 'wd', [codes, wScale, wPoint])]);
  graph.addOutput(
    node('DequantizeLinear', 'y', [node('QuantizeLinear', 'yq', [product, yScale, yPoint]), yScale, yPoint]),
  );
  return encodeModel(new Model({ graph, opsets: new Map([['', 20]]) }), new Map());
}

test('libraries that are missing or are something else, and providers that are not built in, say so', () => {
  const messageOf = (request: ProviderRequest): string => failureOf(() => openProviderDevice(engine, request));
  assert.match(messageOf({ library: '/missing/libep.so', name: 'MINE' }), /^ep:MINE can't be used: .*No such file/);
  const notOne = join(import.meta.dirname, '../../../package.json');
  assert.match(
    messageOf({ library: notOne, name: 'MINE' }),
    /^ep:MINE can't be used: .*(invalid ELF header|mach-o|not a valid)/i,
  );
  if (process.platform === 'linux') {
    for (const builtIn of ['dml', 'coreml', 'qnn'] as const) {
      assert.match(messageOf({ builtIn }), new RegExp(`^ep:${builtIn} can't be used: .*not supported in this build`));
    }
  }
});

test('the addon has no providers, and says what would help', async () => {
  const binding = await openEngine({ threads: 1, implementation: 'binding' });
  assert.match(
    failureOf(() => openProviderDevice(binding, { builtIn: 'webgpu' })),
    /ep:webgpu can't be used: .*C API/,
  );
  binding.close();
});

test.run();
