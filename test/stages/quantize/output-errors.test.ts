import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { promptInputs } from '../../../src/models/decoder-inputs.js';
import { openModelSession } from '../../../src/models/graph-session.js';
import { findLinearLayers, type LinearLayer } from '../../../src/models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { roundHalfToEven } from '../../../src/numerics/rounding.js';
import { float32Of, tensorFromFloat32 } from '../../../src/onnx/tensor.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { dequantizeInt8, dequantizeNBits } from '../../../src/quant/dequantize.js';
import { quantizeGroups } from '../../../src/quant/groups.js';
import { quantizeInt8Torch } from '../../../src/quant/int8-torch.js';
import { type Matrix, matrix } from '../../../src/quant/matrix.js';
import type { SchemeName } from '../../../src/quant/schemes.js';
import { calibrate } from '../../../src/stages/calibrate/work.js';
import type { DatasetParameters } from '../../../src/stages/dataset-windows.js';
import { calibrationWindows } from '../../../src/stages/layerwise/calibration-windows.js';
import { outputErrorOf } from '../../../src/stages/layerwise/output-error.js';
import { quantizeKind } from '../../../src/stages/quantize/kind.js';
import { type QuantizeParameters, quantize } from '../../../src/stages/quantize/work.js';
import { filesOf } from '../../support/files-of.js';
import { KeptParts } from '../../support/kept-parts.js';
import { loadCheckpoint, textSource, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { type TinyOptions, writeTinyOpt } from '../../support/tiny-opt.js';

/** A batch has 32 windows of a small model. */
const dataset: DatasetParameters = { text: 'calibration.txt', windows: 34, length: 24, stride: 24 };

interface Account {
  readonly name: string;
  readonly sizeBytesBefore: number;
  readonly sizeBytesAfter: number;
  readonly outputError?: number | null;
  readonly outputErrorReason?: string;
}

function accountsOf(directory: string): readonly Account[] {
  return JSON.parse(readFileSync(join(directory, 'quantization.json'), 'utf8')).nodes;
}

function withTinyModel(
  use: (model: string, to: (name: string) => string) => Promise<void>,
  options: TinyOptions = {},
): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const to = (name: string): string => join(directory, name);
    await use(await loadCheckpoint(writeTinyOpt(to('checkpoint'), options), to('model')), to);
  });
}

/** The inputs of the linear layers in each window, of the model run as one graph: [tokens, channels] by name of the layer. */
async function inputsOfLayers(directory: string): Promise<readonly ReadonlyMap<string, Matrix>[]> {
  const opened = openModelDirectory(directory);
  const { graph } = opened.model;
  const layers = findLinearLayers(graph);
  for (const { input, inputFeatures } of layers) {
    if (input.isGraphOutput) continue;
    input.type ??= { dataType: 'float32', shape: [1, 'tokens', inputFeatures] };
    graph.addOutput(input);
  }
  const windows = await calibrationWindows(dataset, opened, textSource());
  const engine = await openEngine({ threads: 1 });
  const session = openModelSession(engine, opened.model, directory);
  const results = windows.map((ids) => {
    const found = session.run(promptInputs(opened.info, ids));
    return new Map(
      layers.map(({ name, input, inputFeatures }) => {
        const { data } = found[input.name]!;
        if (!(data instanceof Float32Array)) throw new Error(`${input.name} is not float32`);
        return [name, matrix(data, ids.length, inputFeatures)];
      }),
    );
  });
  engine.close();
  return results;
}

function product(left: Matrix, right: Matrix): Float64Array {
  const result = new Float64Array(left.rows * right.columns);
  for (let row = 0; row < left.rows; row++) {
    for (let inner = 0; inner < left.columns; inner++) {
      const factor = left.values[row * left.columns + inner]!;
      for (let column = 0; column < right.columns; column++) {
        result[row * right.columns + column]! += factor * right.values[inner * right.columns + column]!;
      }
    }
  }
  return result;
}

/** What AMD's int8 activations stand for, with one scale for the tokens of a window. */
function roundedToInt8({ values, rows, columns }: Matrix): Matrix {
  const scale = Math.fround(values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 128);
  const codes = values.map((value) => Math.min(127, Math.max(-128, roundHalfToEven(Math.fround(value / scale)))));
  return matrix(
    codes.map((code) => code * scale),
    rows,
    columns,
  );
}

const floatActivations = (x: Matrix): Matrix => x;
const group = { bits: 4, group: 32, symmetric: false } as const;
const schemes: readonly {
  readonly scheme: SchemeName;
  readonly activations: (x: Matrix) => Matrix;
  readonly weights: (weight: Matrix) => Matrix;
}[] = [
  {
    scheme: 'w4-g32',
    activations: floatActivations,
    weights: (weight) => dequantizeNBits(quantizeGroups(weight, group)),
  },
  {
    scheme: 'w8a8',
    activations: roundedToInt8,
    weights: (weight) => dequantizeInt8(quantizeInt8Torch(weight, 'tensor')),
  },
];

for (const { scheme, activations, weights } of schemes) {
  test(`${scheme}: the error of each output is that of the layer computed by itself`, () =>
    withTinyModel(async (model, to) => {
      const parameters: QuantizeParameters = { rules: [{ match: {}, scheme }], dataset };
      const place = { ...workPlace(to('quantized')), inputs: { model }, sources: textSource() };
      const { metrics } = await quantize({ ...place, parameters });
      const accounts = new Map(accountsOf(to('quantized')).map((account) => [account.name, account.outputError]));
      const inputs = await inputsOfLayers(model);
      const layers = findLinearLayers(openModelDirectory(model).model.graph);
      const errorOf = ({ name, tensor, inputFeatures, outputFeatures }: LinearLayer): number => {
        const weight = matrix(float32Of(tensor), inputFeatures, outputFeatures);
        const quantized = weights(weight);
        let [error, output] = [0, 0];
        for (const window of inputs) {
          const x = window.get(name)!;
          const found = product(activations(x), quantized);
          for (const [index, expected] of product(x, weight).entries()) {
            error += (found[index]! - expected) ** 2;
            output += expected ** 2;
          }
        }
        return Math.sqrt(error / output);
      };
      assert.is(accounts.size, layers.length);
      for (const layer of layers) {
        const expected = errorOf(layer);
        const found = accounts.get(layer.name);
        const isNear = typeof found === 'number' && Math.abs(found - expected) < 2e-3 * expected;
        assert.ok(isNear, `${layer.name}: ${found}, not ${expected}`);
        assert.is(found, Number(found?.toPrecision(4)));
      }
      assert.is(metrics.largestOutputError, Math.max(...[...accounts.values()].map(Number)));
    }));
}

test('a data set changes the accounts alone, and those are the same with two threads', () =>
  withTinyModel(async (model, to) => {
    const rules: QuantizeParameters['rules'] = [
      { match: { op: 'Gather', name: 'model.decoder.embed_tokens' }, scheme: 'w8-g32' },
      { match: { name: 'lm_head' }, keep: 'float' },
      { match: { layers: [0] }, scheme: 'w8a8-static' },
      { match: { name: 'glob:*fc1' }, scheme: 'w8a8-ort' },
      { match: {}, scheme: 'w8a16' },
    ];
    const calibration = { ...dataset, windows: 4 };
    mkdirSync(to('stats'));
    const inputs = { model, stats: to('stats') };
    const sources = textSource();
    await calibrate({
      ...workPlace(to('stats')),
      parameters: { dataset: calibration, collect: ['absmax'] },
      inputs: { model },
      sources,
    });
    await quantize({ ...workPlace(to('without')), parameters: { rules }, inputs });
    for (const [name, threads] of [
      ['once', 1],
      ['elsewhere/again', 2],
    ] as const) {
      const parameters = { rules, dataset: calibration };
      await quantize({ ...workPlace(to(name), threads), parameters, inputs, sources });
    }
    const modelFiles = (name: string) => filesOf(to(name)).filter(([path]) => path !== '/quantization.json');
    assert.equal(modelFiles('once'), modelFiles('without'));
    assert.equal(filesOf(to('elsewhere/again')), filesOf(to('once')));
    const accounts = accountsOf(to('once'));
    assert.is(accounts.length, 14);
    for (const { name, outputError } of accounts) {
      if (name === 'lm_head') assert.is(outputError, undefined);
      else
        assert.ok(typeof outputError === 'number' && outputError > 0 && outputError < 0.1, `${name}: ${outputError}`);
    }
    assert.not(accountsOf(to('without')).some((account) => 'outputError' in account));
  }));

test('sizes before and after are those of the constants of each operator', () =>
  withTinyModel(async (model, to) => {
    const rules: QuantizeParameters['rules'] = [
      { match: { name: 'lm_head' }, keep: 'float' },
      { match: { layers: [0] }, scheme: 'w8a8-channel' },
      { match: {}, scheme: 'w4-g32' },
    ];
    const { metrics } = await quantize({ ...workPlace(to('quantized')), parameters: { rules }, inputs: { model } });
    const sizes = new Map(accountsOf(to('quantized')).map((each) => [each.name, each] as const));
    const sizesOf = (name: string) => [sizes.get(name)?.sizeBytesBefore, sizes.get(name)?.sizeBytesAfter];
    assert.equal(sizesOf('lm_head'), [4096 * 16 * 4, 4096 * 16 * 4]);
    assert.equal(sizesOf('model.decoder.layers.0.fc1'), [16 * 32 * 4, 16 * 32 + 32 * 4]);
    // Of a block of 32 weights half is unused here.
    assert.equal(sizesOf('model.decoder.layers.1.fc1'), [16 * 32 * 4, 32 * (16 + 4 + 1)]);
    const saved = [...sizes.values()].reduce((sum, each) => sum + each.sizeBytesBefore - each.sizeBytesAfter, 0);
    assert.is(Number(metrics.bytesBefore) - Number(metrics.bytes), saved);
  }));

test('a layer that no text runs, and one that gives nothing but zeros, say so', () =>
  withTinyModel(
    async (model, to) => {
      const opened = openModelDirectory(model);
      const { graph } = opened.model;
      const weight = graph.addInitializer('probe.weight', tensorFromFloat32([16, 4], new Float32Array(64).fill(1)));
      const [layer] = findLinearLayers(graph);
      const probe = graph.addNode({
        opType: 'MatMul',
        name: 'probe',
        inputs: [layer!.input, weight],
        outputs: ['probe'],
      });
      probe.output.type = { dataType: 'float32', shape: [1, 'tokens', 4] };
      graph.addOutput(probe.output);
      const companions = companionsOf(model);
      writeModelDirectory(opened.model, to('probed'), { layout: 'per-tensor', info: opened.info, companions });
      const parameters: QuantizeParameters = { rules: [{ match: {}, scheme: 'w8a8' }], dataset };
      const place = { ...workPlace(to('quantized')), inputs: { model: to('probed') }, sources: textSource() };
      await quantize({ ...place, parameters });
      const reasons = accountsOf(to('quantized')).flatMap(({ name, outputError, outputErrorReason }) =>
        outputError === null ? [[name, outputErrorReason]] : [],
      );
      assert.equal(reasons, [
        ['model.decoder.layers.1.fc2', 'its outputs are all zero'],
        ['probe', 'no text runs it'],
      ]);
    },
    {
      change: (tensor) =>
        tensor.name.endsWith('layers.1.fc2.weight') ? { ...tensor, data: new Float32Array(16 * 32) } : tensor,
    },
  ));

test('sums that overflowed are no error', () => {
  const none = { outputError: null, outputErrorReason: 'its outputs are not finite' };
  assert.equal(outputErrorOf({ error: Number.NaN, output: 1 }), none);
  assert.equal(outputErrorOf({ error: 1, output: Number.POSITIVE_INFINITY }), none);
  assert.equal(outputErrorOf({ error: 4, output: 9 }), { outputError: 0.6667 });
});

test('batches of windows that were compared before are not run again', () =>
  withTinyModel(async (model, to) => {
    const parts = new KeptParts(to('parts'));
    const run = (name: string): Promise<unknown> => {
      const place = { ...workPlace(to(name)), inputs: { model }, sources: textSource(), part: parts.part };
      return quantize({ ...place, parameters: { rules: [{ match: {}, scheme: 'w8a8-ort' }], dataset } });
    };
    parts.remaining = 1;
    await run('stopped').then(
      () => assert.unreachable('it needs two parts'),
      () => {},
    );
    parts.remaining = 1;
    await run('continued');
    parts.remaining = 0;
    await run('found');
    assert.equal(filesOf(to('found')), filesOf(to('continued')));
  }));

test('only with a data set what is written depends on the machine, and the data set is written out', () => {
  const rules = [{ match: {}, scheme: 'w8a8' }];
  const parameters = { rules, dataset: { text: 'a.txt' } };
  assert.equal(quantizeKind.traits?.({ rules }), {});
  assert.is(quantizeKind.traits?.(parameters)?.machineDependent, true);
  assert.is('dataset' in (quantizeKind.normalise?.({ rules }) ?? {}), false);
  const written = { text: 'a.txt', windows: null, length: 512, stride: 512 };
  assert.equal(quantizeKind.normalise?.(parameters)?.dataset, written);
});

test.run();
