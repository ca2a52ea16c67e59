import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSafetensors } from '../../../src/checkpoints/safetensors.js';
import { readTensorFloat32 } from '../../../src/checkpoints/tensor-data.js';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { findScalingGroups } from '../../../src/models/scaling-groups.js';
import { resolveScheme } from '../../../src/quant/schemes.js';
import { calibrate } from '../../../src/stages/calibrate/work.js';
import { alphasOf } from '../../../src/stages/smoothquant/alpha-range.js';
import { smoothquantKind } from '../../../src/stages/smoothquant/kind.js';
import { type SmoothquantParameters, smoothquant } from '../../../src/stages/smoothquant/work.js';
import { loadCheckpoint, textSource, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { type TinyOptions, writeTinyOpt } from '../../support/tiny-opt.js';

const dataset = { text: 'calibration.txt', windows: 3, length: 24, stride: 24 };
const search = (from: number, to: number, scheme: 'w8a8' | 'w8a8-ort' = 'w8a8-ort'): SmoothquantParameters => ({
  groups: 'extended',
  alpha: { from, to, step: 0.2 },
  dataset,
  scheme: resolveScheme(scheme),
});

interface Table {
  readonly groups: readonly {
    readonly source: string;
    readonly alpha: number;
    readonly error: number;
    readonly largestError: number;
    readonly split?: readonly { readonly channel: number; readonly copies: number }[];
  }[];
}

type Smooth = (to: string, parameters: SmoothquantParameters, threads?: number) => Promise<string>;

function withSmoothing(use: (smooth: Smooth) => Promise<void>, options: TinyOptions = {}): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint'), options), join(directory, 'model'));
    const stats = join(directory, 'stats');
    mkdirSync(stats);
    const place = { ...workPlace(stats), inputs: { model }, sources: textSource() };
    await calibrate({ ...place, parameters: { dataset, collect: ['absmax'] } });
    await use(async (name, parameters, threads = 1) => {
      const to = join(directory, name);
      await smoothquant({ ...workPlace(to, threads), parameters, inputs: { model, stats }, sources: textSource() });
      return to;
    });
  });
}

function scalesOf(directory: string): ReadonlyMap<string, readonly number[]> {
  const { tensors } = openSafetensors(join(directory, 'smoothing.safetensors'));
  return new Map([...tensors].map(([name, tensor]) => [name, [...readTensorFloat32(tensor)]]));
}

function tableOf(directory: string): Table {
  return JSON.parse(readFileSync(join(directory, 'smoothing.json'), 'utf8'));
}

function filesOf(directory: string): readonly (readonly [string, string])[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return paths.map((path) => [path.slice(directory.length), readFileSync(path, 'base64')]);
}

test('each group gets the strength with the least error of its outputs', () =>
  withSmoothing(async (smooth) => {
    const { groups } = tableOf(await smooth('auto', search(0.1, 0.9)));
    assert.is(groups.length, 8);
    assert.ok(groups.every(({ error, largestError }) => error > 0 && error <= largestError));
    assert.ok(new Set(groups.map(({ alpha }) => alpha)).size > 1, JSON.stringify(groups));
    // What comes last is searched first, before anything else is changed.
    const chosen = groups.at(-1)!;
    for (const alpha of [0.1, 0.5, 0.9]) {
      const alone = tableOf(await smooth(`alone-${alpha}`, search(alpha, alpha))).groups.at(-1)!;
      assert.is(alone.alpha, alpha);
      assert.ok(chosen.error <= alone.error, `${alpha}: ${alone.error} is less than ${chosen.error}`);
    }
  }));

test('a range of one strength smooths as that strength does', () =>
  withSmoothing(async (smooth) => {
    const range = await smooth('range', search(0.5, 0.5, 'w8a8'));
    const fixed = await smooth('fixed', { groups: 'extended', alpha: 0.5 });
    assert.equal(scalesOf(range), scalesOf(fixed));
  }));

test('where activations have a zero point, extremes of channels are turned to one side', () =>
  withSmoothing(async (smooth) => {
    const signed = scalesOf(await smooth('signed', search(0.5, 0.5, 'w8a8-ort')));
    const fixed = scalesOf(await smooth('fixed', { groups: 'extended', alpha: 0.5 }));
    for (const [source, scales] of signed) {
      assert.equal(scales.map(Math.abs), fixed.get(source), source);
      const isTurned = scales.some((scale) => scale < 0);
      assert.is(isTurned, !source.endsWith('fc1'), `${source}: through a ReLU goes no sign`);
    }
  }));

/** A channel of the first layer's fc1 that is far above the others. */
const outlier: TinyOptions = {
  change: (tensor) => {
    if (!tensor.name.includes('layers.0.fc1') || !(tensor.data instanceof Float32Array)) return tensor;
    const width = tensor.dims[1] ?? 1;
    const data = tensor.data.map((value, index) => (Math.floor(index / width) === 5 ? Math.abs(value) * 100 : value));
    return { ...tensor, data };
  },
};

test('a channel far above the others becomes several, in a model that computes the same and can be quantized', () =>
  withSmoothing(async (smooth) => {
    const directory = await smooth('split', { groups: 'extended', alpha: 0.5, split: 4 });
    const split = tableOf(directory).groups.filter((group) => group.split !== undefined);
    assert.equal(
      split.map(({ source }) => source),
      ['model.decoder.layers.0.fc1'],
    );
    const [channel] = split[0]?.split ?? [];
    assert.is(channel?.channel, 5);
    const { graph } = openModelDirectory(directory).model;
    const fc2 = findLinearLayers(graph).find(({ name }) => name === 'model.decoder.layers.0.fc2')!;
    assert.is(fc2.inputFeatures, 32 + (channel?.copies ?? 0) - 1);
    assert.is(fc2.input.producer?.opType, 'Mul');
    assert.is(
      findScalingGroups(graph).groups.some(({ layers }) => layers[0]?.name === fc2.name),
      false,
    );
  }, outlier));

test('two threads and another folder give the same bytes', () =>
  withSmoothing(async (smooth) => {
    const once = await smooth('once', search(0.1, 0.9), 1);
    const again = await smooth('elsewhere/again', search(0.1, 0.9), 2);
    assert.equal(filesOf(again), filesOf(once));
  }));

test('a range has the strengths that were written', () => {
  assert.equal(alphasOf({ from: 0.3, to: 0.9, step: 0.1 }), [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
  assert.equal(alphasOf({ from: 0.5, to: 0.5, step: 0.05 }), [0.5]);
});

test('only a search depends on the machine, and its parameters are written out', () => {
  assert.equal(smoothquantKind.traits?.({ alpha: 0.5 }), {});
  assert.is(smoothquantKind.traits?.({ alpha: 'auto' })?.machineDependent, true);
  const normalise = (parameters: object) => smoothquantKind.normalise?.({ alpha: 0.5, ...parameters });
  assert.equal(normalise({ groups: 'extended' }), normalise({ groups: 'extended', split: 4 }));
  assert.equal(normalise({ groups: 'norms' }), normalise({ groups: 'norms', split: false }));
  assert.is(normalise({ groups: 'extended', split: false })?.split, undefined);
  const written = smoothquantKind.normalise?.({ alpha: 'auto', groups: 'norms', dataset: { text: 'a.txt' } });
  assert.equal(written?.alpha, { from: 0.3, to: 0.9, step: 0.05 });
  assert.equal(written?.scheme, resolveScheme('w8a8-ort'));
});

test.run();
