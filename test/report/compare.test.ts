import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';
import { findLinearLayers } from '../../src/models/linear-layers.js';
import { float, ints } from '../../src/onnx/attribute.js';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { tensorFromFloat32 } from '../../src/onnx/tensor.js';
import { writeModel } from '../../src/onnx/write.js';
import { matrix } from '../../src/quant/matrix.js';
import { resolveScheme, type SchemeName } from '../../src/quant/schemes.js';
import type { ArtifactChanges } from '../../src/report/compare/artifacts.js';
import { compareArtifacts } from '../../src/report/compare/artifacts.js';
import { elementReader } from '../../src/report/compare/elements.js';
import { compareJson } from '../../src/report/compare/json-values.js';
import { sideOfDirectory } from '../../src/report/compare/side.js';
import { tensorDistance } from '../../src/report/compare/tensors.js';
import { artifactChangeLines } from '../../src/report/compare/text.js';
import { firstDifference } from '../../src/report/compare/tolerance.js';
import { quantizeWeight } from '../../src/stages/quantize/quantize-weight.js';
import { replaceLayer } from '../../src/stages/quantize/replace-layer.js';
import { withTemporaryDirectory } from '../support/temporary.js';

type Write = (directory: string) => void;

function compare(before: Write, after: Write): Promise<ArtifactChanges> {
  return withTemporaryDirectory(async (root) => {
    const sides = await Promise.all(
      [before, after].map((write, index) => {
        const directory = join(root, String(index));
        mkdirSync(directory);
        write(directory);
        return sideOfDirectory(directory);
      }),
    );
    return compareArtifacts(sides[0]!, sides[1]!);
  });
}

const files =
  (contents: { readonly [path: string]: string }): Write =>
  (directory) => {
    for (const [path, text] of Object.entries(contents)) writeFileSync(join(directory, path), text);
  };

interface ModelOptions {
  readonly weight?: number;
  readonly axes?: readonly number[];
  readonly operator?: string;
  readonly extra?: boolean;
}

/** A model with one large weight (in a file of its own), a small one (inside the graph) and two nodes. */
const model =
  ({ weight = 1, axes = [0], operator = 'Mul', extra = false }: ModelOptions = {}): Write =>
  (directory) => {
    const graph = new Graph('main');
    const input = graph.addInput('x', { dataType: 'float32', shape: [2048] });
    const elements = new Float32Array(2048).fill(1);
    elements[5] = weight;
    const large = graph.addInitializer('large', tensorFromFloat32([2048], elements));
    const small = graph.addInitializer('small', tensorFromFloat32([1], Float32Array.of(3)));
    const first = graph.addNode({ opType: operator, name: 'first', inputs: [input, large], outputs: ['y'] });
    const second = graph.addNode({
      opType: 'Custom',
      domain: 'test',
      name: 'second',
      inputs: [first.output, small],
      outputs: ['z'],
      attributes: { axes: ints(axes), epsilon: float(0.5) },
    });
    graph.addOutput(second.output);
    if (extra) graph.addNode({ opType: 'Identity', name: 'third', inputs: [input], outputs: ['unused'] });
    writeModel(new Model({ graph, opsets: new Map([['', 21]]) }), directory, { layout: 'per-tensor' });
  };

test('the same files are identical', async () => {
  const changes = await compare(model(), model());
  assert.ok(changes.identical);
  assert.is(firstDifference(changes, 0), undefined);
  assert.equal(artifactChangeLines(changes), ['identical, bit for bit']);
});

test('files that were added, removed or changed are named', async () => {
  const changes = await compare(
    files({ same: 'a', gone: 'b', other: 'c' }),
    files({ same: 'a', other: 'dd', fresh: 'e' }),
  );
  assert.equal(changes.files, {
    added: ['fresh'],
    removed: ['gone'],
    changed: [{ path: 'other', sizeBytesBefore: 1, sizeBytesAfter: 2 }],
  });
  assert.equal(artifactChangeLines(changes), ['- gone', '+ fresh', '~ other (1 B -> 2 B)']);
  assert.is(firstDifference(changes, 1), 'gone is missing');
});

test('a changed weight is named, with how much it changed', async () => {
  const changes = await compare(model(), model({ weight: 1.5 }));
  const [{ tensors, nodes } = { tensors: undefined, nodes: undefined }] = changes.tensorFiles;
  assert.equal(nodes, { added: [], removed: [], changed: [] });
  assert.is(tensors?.changed.length, 1);
  const [changed] = tensors?.changed ?? [];
  assert.is(changed?.name, 'large');
  assert.is(changed?.distance?.differingElements, 1);
  assert.is(changed?.distance?.maxAbs, 0.5);
  assert.ok(Math.abs((changed?.distance?.relativeFrobenius ?? 0) - 0.5 / Math.sqrt(2048)) < 1e-12);
  assert.match(
    firstDifference(changes, 0) ?? '',
    /model\.onnx: tensor large differs in 1 of 2048 elements, by at most 0\.5/,
  );
  assert.match(firstDifference(changes, 0.01) ?? '', /tensor large/);
  assert.is(firstDifference(changes, 0.02), undefined);
});

/** A model of one linear layer, whose weight is multiplied by a factor, and quantized. */
const layer =
  (scheme?: SchemeName, factor = 1, columns = 16): Write =>
  (directory) => {
    const graph = new Graph('main');
    const input = graph.addInput('x', { dataType: 'float32', shape: [1, 'tokens', 64] });
    const values = Float32Array.from({ length: 64 * columns }, (_, index) => Math.sin(index) * factor);
    const weight = graph.addInitializer('fc.weight', tensorFromFloat32([64, columns], values));
    const { output } = graph.addNode({ opType: 'MatMul', name: 'fc', inputs: [input, weight], outputs: ['y'] });
    output.type = { dataType: 'float32', shape: [1, 'tokens', columns] };
    graph.addOutput(output);
    const written = new Model({ graph, opsets: new Map([['', 24]]) });
    const [linear] = findLinearLayers(graph);
    if (scheme !== undefined) {
      const quantized = quantizeWeight(matrix(values, 64, columns), resolveScheme(scheme));
      replaceLayer(written, linear!, quantized);
    }
    graph.removeUnused();
    writeModel(written, directory, { layout: 'per-tensor' });
  };

test('a layer that is quantized is compared by what its weight stands for', async () => {
  const values = matrix(
    Float32Array.from({ length: 64 * 16 }, (_, index) => Math.sin(index)),
    64,
    16,
  );
  for (const [scheme, type] of [
    ['w8a8', 'int8'],
    ['w8a8-ort-channel', 'int8'],
    ['w4-g32', 'uint4'],
  ] as const) {
    const { error } = quantizeWeight(values, resolveScheme(scheme));
    const [changed, ...others] = (await compare(layer(), layer(scheme))).tensorFiles[0]?.layers ?? [];
    assert.equal(others, []);
    assert.is(changed?.name, 'fc');
    assert.is(changed?.before, 'float32[64,16]');
    assert.is(changed?.after, `${type}[64,16]`);
    const { maxAbs, relativeFrobenius } = changed?.distance ?? { maxAbs: null, relativeFrobenius: null };
    assert.ok(Math.abs(Number(maxAbs) / error.largest - 1) < 1e-6, scheme);
    assert.ok(Math.abs(Number(relativeFrobenius) / error.relativeFrobenius - 1) < 1e-6, scheme);
  }
  const lines = artifactChangeLines(await compare(layer(), layer('w8a8')));
  assert.ok(
    lines.some((line) => /layer fc float32\[64,16\] -> int8\[64,16\]: at most .*relative Frobenius/.test(line)),
  );
});

test('two quantized layers are compared likewise, and those that stand for the same are not named', async () => {
  const layersOf = async (before: Write, after: Write) => (await compare(before, after)).tensorFiles[0]?.layers;
  const twice = await layersOf(layer('w8a8'), layer('w8a8', 2));
  assert.is(twice?.[0]?.before, twice?.[0]?.after);
  assert.ok(Math.abs((twice?.[0]?.distance?.relativeFrobenius ?? 0) - 1) < 1e-6);
  assert.is(await layersOf(layer('w8a8'), layer('w8a16')), undefined);
  assert.equal(await layersOf(layer('w8a8'), layer('w8a8', 1, 8)), [
    { name: 'fc', before: 'int8[64,16]', after: 'int8[64,8]', distance: null },
  ]);
  assert.is(await layersOf(layer(), layer(undefined, 2)), undefined, 'which the tensors say');
});

test('changed, added and removed nodes are named, whatever the tolerance', async () => {
  const changes = await compare(model(), model({ axes: [0, 1], operator: 'Add', extra: true }));
  assert.equal(changes.tensorFiles[0]?.nodes, {
    added: ['third'],
    removed: [],
    changed: [
      { name: 'first', fields: [{ field: 'operator', before: 'Mul', after: 'Add' }] },
      { name: 'second', fields: [{ field: 'attributes.axes', before: '[0]', after: '[0, 1]' }] },
    ],
  });
  assert.match(firstDifference(changes, 1) ?? '', /node third is in only one/);
});

test('tensors of safetensors files are compared', async () => {
  const table =
    (value: number): Write =>
    (directory) =>
      writeSafetensors(join(directory, 'stats.safetensors'), [
        { name: 'a', dataType: 'float32', dims: [2], data: Float32Array.of(1, value) },
        { name: 'b', dataType: 'float32', dims: [1], data: Float32Array.of(7) },
      ]);
  const changes = await compare(table(2), table(2.5));
  assert.is(changes.tensorFiles[0]?.file, 'stats.safetensors');
  assert.equal(
    changes.tensorFiles[0]?.tensors.changed.map(({ name, distance }) => [name, distance?.maxAbs]),
    [['a', 0.5]],
  );
});

test('a damaged file counts as changed', async () => {
  const changes = await compare(
    files({ 'model.onnx': 'x', 'a.json': '{', 'b.safetensors': '1' }),
    files({ 'model.onnx': 'y', 'a.json': '}', 'b.safetensors': '2' }),
  );
  assert.is(changes.files.changed.length, 3);
  assert.equal([changes.tensorFiles, changes.values], [[], []]);
  assert.is(firstDifference(changes, 1), 'a.json has other bytes');
});

test('numbers of JSON files may differ within the tolerance, anything else may not', async () => {
  const near = await compare(
    files({ 'r.json': '{"loss": 1.000000, "n": [1, 2]}' }),
    files({ 'r.json': '{"loss": 1.0000001, "n": [1, 2]}' }),
  );
  assert.is(firstDifference(near, 1e-6), undefined);
  assert.is(firstDifference(near, 0), 'r.json/loss is 1.0000001 instead of 1');
  const text = await compare(files({ 'r.json': '{"answer": "a"}' }), files({ 'r.json': '{"answer": "b"}' }));
  assert.is(firstDifference(text, 1), 'r.json/answer is "b" instead of "a"');
  const layout = await compare(files({ 'r.json': '{"a":1}' }), files({ 'r.json': '{ "a": 1 }' }));
  assert.is(firstDifference(layout, 1), 'r.json has other bytes');
});

test('JSON differences are pointed to, also where a member or an element is new', () => {
  assert.equal(compareJson('f', { a: [1, { 'x/y': 2 }] }, { a: [1, { 'x/y': 3 }, 4] }), [
    { file: 'f', pointer: '/a/1/x~1y', before: 2, after: 3, relative: 1 / 3 },
    { file: 'f', pointer: '/a/2', before: null, after: 4, relative: null },
  ]);
});

test('elements are read as their type says', () => {
  const at = (type: string, bytes: readonly number[], index: number): number | undefined =>
    elementReader(type, Uint8Array.from(bytes))?.(index);
  assert.is(at('int8', [0, 255], 1), -1);
  assert.is(at('uint4', [0x21, 0x43], 3), 4);
  assert.is(at('int4', [0x8f], 0), -1);
  assert.is(at('int4', [0x8f], 1), -8);
  assert.is(at('int2', [0b11_10_01_00], 2), -2);
  assert.is(at('float16', [0x00, 0x3c], 0), 1);
  assert.is(at('bfloat16', [0x80, 0x3f], 0), 1);
  assert.is(at('int64', [0xfe, 255, 255, 255, 255, 255, 255, 255], 0), -2);
  assert.is(at('string', [1], 0), undefined);
});

test('a distance that is not finite is null, and not a number equals itself', () => {
  const bytes = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
  assert.equal(tensorDistance('float32', 2, bytes(Number.NaN, 1), bytes(Number.NaN, 1)), {
    elements: 2,
    differingElements: 0,
    maxAbs: 0,
    relativeFrobenius: 0,
  });
  const broken = tensorDistance('float32', 2, bytes(1, 1), bytes(Number.NaN, 1));
  assert.equal([broken?.differingElements, broken?.maxAbs, broken?.relativeFrobenius], [1, null, null]);
  assert.is(tensorDistance('float32', 1, bytes(0), bytes(2))?.relativeFrobenius, null);
});

test('the distance is that of the definition', () => {
  const vectors = fc.array(
    fc.tuple(fc.float({ min: -100, max: 100, noNaN: true }), fc.float({ min: -100, max: 100, noNaN: true })),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(vectors, (pairs) => {
      const [a, b] = [0, 1].map((side) => Float32Array.from(pairs, (pair) => pair[side] ?? 0)) as [
        Float32Array,
        Float32Array,
      ];
      const distance = tensorDistance('float32', pairs.length, new Uint8Array(a.buffer), new Uint8Array(b.buffer));
      const largest = Math.max(...pairs.map((_, index) => Math.abs(a[index]! - b[index]!)));
      assert.is(distance?.maxAbs, largest);
      assert.is(distance?.differingElements, pairs.filter((_, index) => !Object.is(a[index], b[index])).length);
    }),
  );
});

test.run();
