import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeSafetensors } from '../../../src/checkpoints/safetensors-writer.js';
import { openModelSession } from '../../../src/models/graph-session.js';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { findQuantizedLayers } from '../../../src/models/quantized-layers.js';
import { Graph } from '../../../src/onnx/ir.js';
import { Model } from '../../../src/onnx/model.js';
import { tensorFromFloat32 } from '../../../src/onnx/tensor.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { dequantizeInt8 } from '../../../src/quant/dequantize.js';
import { quantizeInt8OnnxRuntime } from '../../../src/quant/int8-onnxruntime.js';
import { matrix } from '../../../src/quant/matrix.js';
import { type QdqScheme, resolveScheme, type SchemeChoice } from '../../../src/quant/schemes.js';
import { staticQuantization } from '../../../src/quant/static-activations.js';
import { deviceNamed } from '../../../src/runtime/devices/registry.js';
import { openEagerModel } from '../../../src/runtime/eager-model.js';
import { calibrate } from '../../../src/stages/calibrate/work.js';
import { exportModel } from '../../../src/stages/export/work.js';
import { quantizeWeight } from '../../../src/stages/quantize/quantize-weight.js';
import { replaceLayer } from '../../../src/stages/quantize/replace-layer.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { pseudoRandom } from '../../runtime/operator-fixtures.js';
import { loadCheckpoint, textSource, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

function scheme(granularity: 'tensor' | 'channel', type: 'int8' | 'uint8'): QdqScheme {
  return {
    form: 'qdq',
    weights: { type: 'int8', granularity, symmetric: true, scale: 'onnxruntime' },
    activations: { type, granularity: 'tensor', symmetric: true, dynamic: false },
  };
}

const schemes = (['tensor', 'channel'] as const).flatMap((granularity) => [
  scheme(granularity, 'int8'),
  scheme(granularity, 'uint8'),
]);

const engine = await openEngine({ threads: 1 });
test.after(() => engine.close());

test('ONNX Runtime computes what the codes stand for', () => {
  const [tokens, rows, columns, absmax] = [4, 24, 6, 0.7];
  const weight = matrix(pseudoRandom(rows * columns, 3), rows, columns);
  // Some are larger than calibration saw.
  const x = pseudoRandom(tokens * rows, 2);
  for (const description of schemes) {
    const graph = new Graph('one layer');
    const input = graph.addInput('x', { dataType: 'float32', shape: [1, tokens, rows] });
    const initializer = graph.addInitializer('weight', tensorFromFloat32([rows, columns], weight.values));
    const { output } = graph.addNode({ opType: 'MatMul', name: 'y', inputs: [input, initializer], outputs: ['y'] });
    output.type = { dataType: 'float32', shape: [1, tokens, columns] };
    graph.addOutput(output);
    const model = new Model({ graph, opsets: new Map([['', 24]]) });
    for (const layer of findLinearLayers(graph)) {
      replaceLayer(model, layer, quantizeWeight(weight, description), absmax);
    }
    graph.removeUnused();
    const session = openModelSession(engine, model, '.');
    const y = session.run({ x: { dataType: 'float32', dims: [1, tokens, rows], data: x } }).y!;
    session.release();

    const { type } = description.activations;
    const { scale, zeroPoint } = staticQuantization(absmax, type);
    const [lowest, highest] = type === 'int8' ? [-128, 127] : [-zeroPoint, 255 - zeroPoint];
    const codes = x.map((value) => Math.min(highest, Math.max(lowest, Math.round(Math.fround(value / scale)))));
    const { values } = dequantizeInt8(quantizeInt8OnnxRuntime(weight, description.weights.granularity));
    for (const [index, found] of (y.data as Float32Array).entries()) {
      const [token, column] = [Math.floor(index / columns), index % columns];
      let expected = 0;
      for (let row = 0; row < rows; row++) {
        expected += codes[token * rows + row]! * scale * values[row * columns + column]!;
      }
      assert.ok(Math.abs(found - expected) < 1e-5, `${JSON.stringify(description)}: ${found}, not ${expected}`);
    }
  }
});

/** A tiny model with the statistics of its inputs. */
async function withStatistics(
  use: (model: string, stats: string, to: (name: string) => string) => Promise<void>,
): Promise<void> {
  await withTemporaryDirectory(async (directory) => {
    const to = (name: string): string => join(directory, name);
    const model = await loadCheckpoint(writeTinyOpt(to('checkpoint')), to('model'));
    const dataset = { text: 'calibration.txt', windows: 4, length: 32, stride: 32 };
    const place = { ...workPlace(to('stats')), sources: textSource() };
    await calibrate({ ...place, parameters: { dataset, collect: ['absmax'] }, inputs: { model } });
    await use(model, to('stats'), to);
  });
}

async function quantized(model: string, stats: string, choice: SchemeChoice, to: string): Promise<string> {
  const rules = [
    { match: { name: 'lm_head' }, keep: 'float' as const },
    { match: {}, scheme: choice },
  ];
  await quantize({ ...workPlace(to), parameters: { rules }, inputs: { model, stats } });
  return to;
}

test('layers that read a value share its codes, of the scale that calibration saw', () =>
  withStatistics(async (model, stats, to) => {
    for (const [index, description] of schemes.entries()) {
      const result = await quantized(model, stats, description, to(String(index)));
      assert.ok((await equivalenceError(model, result, 1)) < 0.05);
      const { graph } = openModelDirectory(result).model;
      const count = (type: string): number => graph.nodes.filter(({ opType }) => opType === type).length;
      assert.is(count('QuantizeLinear'), 8, 'of queries, keys and values one');
      assert.is(count('DequantizeLinear'), 8 + 12);
      const layers = findQuantizedLayers(graph);
      assert.is(layers.length, 12);
      assert.is(layers[0]?.activations, description.activations.type);
    }
  }));

test('static products are exported as they are or in float, and joined', () =>
  withStatistics(async (model, stats, to) => {
    const result = await quantized(model, stats, 'w8a8-static', to('int8'));
    const exported = async (name: string, parameters: object): Promise<string> => {
      const context = { ...workPlace(to(name)), parameters: { attention: 'gqa' as const, ...parameters } };
      await exportModel({ ...context, inputs: { model: result } });
      return to(name);
    };
    assert.is(await equivalenceError(result, await exported('qdq', { form: 'qdq' }), 1), 0);
    assert.is(await equivalenceError(result, await exported('fused', { fuse: true }), 1), 0);
    const names = openModelDirectory(to('fused')).model.graph.nodes.map(({ name }) => name);
    assert.ok(names.includes('model.decoder.layers.0.self_attn.q_proj+k_proj+v_proj'));
    const { graph } = openModelDirectory(await exported('float', { form: 'float' })).model;
    assert.not(graph.nodes.some(({ opType }) => /Linear$/.test(opType)));
    assert.ok((await equivalenceError(model, to('float'), 1)) < 0.02);
    for (const form of ['qoperator', 'nbits']) {
      try {
        await exported(`refused-${form}`, { form });
        assert.unreachable();
      } catch (error) {
        assert.match(String(error), /layers\.0\.self_attn\.q_proj \(MatMul\) can't be written as/);
      }
    }
  }));

test('the eager runtime takes each product as one operator', () =>
  withStatistics(async (model, stats, to) => {
    const directory = await quantized(model, stats, 'w8a8-static', to('int8'));
    await exportModel({ ...workPlace(to('onnx')), parameters: { attention: 'gqa' }, inputs: { model: directory } });
    const logits = (['op', 'island'] as const).map((granularity) => {
      const opened = openModelDirectory(to('onnx'));
      const devices = [deviceNamed('cpu')];
      const eager = openEagerModel({ engine, opened, devices, granularity, capacity: 16 });
      const found = eager.forward([2, 100, 200, 300]).slice();
      eager.close();
      return found;
    });
    assert.equal(logits[0], logits[1]);
  }));

test('one layer without statistics is named', () =>
  withStatistics(async (model, _stats, to) => {
    const name = 'model.decoder.layers.0.fc1';
    const other = workPlace(to('other')).outputDirectory;
    const tensor = { name, dataType: 'float32' as const, dims: [3], data: new Float32Array(3) };
    writeSafetensors(join(other, 'absmax.safetensors'), [tensor]);
    try {
      await quantized(model, other, resolveScheme('w8a8-static'), to('int8'));
      assert.unreachable();
    } catch (error) {
      assert.match(String(error), /no absmax of 16 channels for model\.decoder\.layers\.0\.self_attn\.q_proj/);
    }
  }));

test.run();
