import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import type { ModelInfo } from '../../../src/models/architecture.js';
import { fullMask, tokenTensor } from '../../../src/models/decoder-inputs.js';
import { openModelSession } from '../../../src/models/graph-session.js';
import { importError } from '../../../src/models/import/import-error.js';
import { importModel } from '../../../src/models/import/import-model.js';
import { openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import type { Value } from '../../../src/onnx/node.js';
import { readModel } from '../../../src/onnx/read.js';
import { float32Scalar, MemoryTensor } from '../../../src/onnx/tensor.js';
import { writeModel } from '../../../src/onnx/write.js';
import type { NamedTensors } from '../../../src/ort/engine.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { zeros } from '../../../src/ort/tensor-data.js';
import { deviceNamed } from '../../../src/runtime/devices/registry.js';
import { openEagerModel } from '../../../src/runtime/eager-model.js';
import { sourceFiles } from '../../support/source-files.js';
import { writeQuantized } from './exported-golden.js';
import { useHalfPrecision } from './half-precision.js';

const parent = mkdtempSync(join(tmpdir(), 'quern-test-'));
const engine = await openEngine({ threads: 1 });
test.after(() => {
  engine.close();
  rmSync(parent, { recursive: true, force: true });
});

/** Imports the graph of a directory, writes the model, and returns where. */
function imported(source: string): string {
  const { model, info, references, errorLimit } = importModel(engine, sourceFiles(source), join(source, 'model.onnx'));
  const target = `${source}-imported`;
  writeModelDirectory(model, target, { layout: 'per-tensor', info, companions: [] });
  const error = importError(engine, target, references);
  assert.ok(error < errorLimit, `${error}`);
  return target;
}

function mostProbable(logits: ArrayLike<number>, vocabulary: number): number {
  const last = Array.from({ length: vocabulary }, (_, id) => logits[logits.length - vocabulary + id] ?? Number.NaN);
  return last.indexOf(Math.max(...last));
}

const prompt = [7, 45, 12, 3, 60, 33];
const newTokens = 50;
const vocabulary = 64;

/** The most probable tokens behind the prompt by the graph as it came, in one session. */
function wholeGraphTokens(directory: string, { keyValueHeads, headSize }: ModelInfo): number[] {
  const model = readModel(join(directory, 'model.onnx'));
  const session = openModelSession(engine, model, directory);
  const inputs = model.graph.inputs.map(({ name }) => name);
  let caches: NamedTensors = Object.fromEntries(
    inputs
      .filter((name) => name.startsWith('past'))
      .map((name) => [name, zeros('float32', [1, keyValueHeads, 0, headSize])]),
  );
  const tokens: number[] = [];
  for (let total = prompt.length, ids = prompt; tokens.length < newTokens; total++) {
    const places = ids.map((_, index) => total - ids.length + index);
    const positions = inputs.includes('position_ids') ? { position_ids: tokenTensor(places) } : {};
    const outputs = session.run({
      input_ids: tokenTensor(ids),
      attention_mask: fullMask(total),
      ...positions,
      ...caches,
    });
    caches = Object.fromEntries(
      Object.keys(caches).flatMap((name) => {
        const present = outputs[name.replace('past_key_values', 'present')];
        return present === undefined ? [] : [[name, present]];
      }),
    );
    ids = [mostProbable(Array.from(outputs.logits?.data ?? [], Number), vocabulary)];
    tokens.push(...ids);
  }
  session.release();
  return tokens;
}

function eagerTokens(directory: string, granularity: 'op' | 'island'): number[] {
  const opened = openModelDirectory(directory);
  const capacity = prompt.length + newTokens;
  const eager = openEagerModel({ engine, opened, devices: [deviceNamed('cpu')], granularity, capacity });
  const tokens = [mostProbable(eager.forward(prompt), vocabulary)];
  while (tokens.length < newTokens) tokens.push(mostProbable(eager.forward(tokens.slice(-1)), vocabulary));
  eager.close();
  return tokens;
}

/** Products with quantized weights, and the others, by the layers that they are. */
function productsOf(directory: string): { readonly [operator: string]: readonly string[] } {
  const { nodes } = openModelDirectory(directory).model.graph;
  const products = nodes.filter(({ opType }) => opType.startsWith('MatMul'));
  const types = [...new Set(products.map(({ opType }) => opType))];
  const names = (type: string) => products.filter(({ opType }) => opType === type).map(({ name }) => name);
  return Object.fromEntries(types.map((type) => [type, names(type)]));
}

const llamaLayers = [0, 1].flatMap((layer) =>
  [
    ...['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'],
    ...['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'],
  ].map((name) => `model.layers.${layer}.${name}`),
);
const optLayers = [0, 1].flatMap((layer) =>
  ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.out_proj', 'fc1', 'fc2'].map(
    (name) => `model.decoder.layers.${layer}.${name}`,
  ),
);
const qwenLayers = [0, 1].flatMap((layer) =>
  ['attn.qkv_proj', 'attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'].map(
    (name) => `model.layers.${layer}.${name}`,
  ),
);

for (const [name, type, layers] of [
  ['llama-nbits', 'MatMulNBits', llamaLayers],
  ['llama-nbits-qdq', 'MatMul', llamaLayers],
  ['llama-static', 'MatMul', llamaLayers],
  ['opt-dynamic', 'MatMulInteger', optLayers],
  ['qwen2-genai-int4', 'MatMulNBits', qwenLayers],
] as const) {
  test(`${name} is imported with its quantized layers, and gives the tokens that it gives in one session`, () => {
    const source = writeQuantized(join(parent, name), name);
    const target = imported(source);
    assert.equal(productsOf(target), { [type]: [...layers, 'lm_head'] });
    const expected = wholeGraphTokens(source, openModelDirectory(target).info);
    assert.ok(new Set(expected).size > 5);
    assert.equal(eagerTokens(target, 'op'), expected);
    assert.equal(eagerTokens(target, 'island'), expected);
  });
}

test('tables of tokens and positions stay quantized', () => {
  const { graph } = openModelDirectory(join(parent, 'opt-dynamic-imported')).model;
  const tables = graph.nodes.filter(({ opType }) => opType === 'Gather').map((node) => node.requireInput(0));
  assert.equal(
    tables.map((table) => table.initializer?.dataType),
    ['uint8', 'uint8'],
  );
});

test('a table that is the head of the model is there once', () => {
  const { graph } = openModelDirectory(join(parent, 'qwen2-genai-int4-imported')).model;
  const [table, head] = ['GatherBlockQuantized', 'MatMulNBits'].map((type) =>
    graph.nodes.findLast(({ opType }) => opType === type),
  );
  assert.is(table?.inputs[2], head?.inputs[2]);
});

test('groups of weights in half precision have the logits of the graph but for rounding', () => {
  const source = writeQuantized(join(parent, 'half-source'), 'llama-nbits');
  const model = readModel(join(source, 'model.onnx'));
  useHalfPrecision(model.graph);
  const half = join(parent, 'half');
  writeModel(model, half, { layout: 'merged' });
  copyFileSync(join(source, 'config.json'), join(half, 'config.json'));
  const { graph } = openModelDirectory(imported(half)).model;
  const product = graph.nodes.find(({ opType }) => opType === 'MatMulNBits');
  assert.is(product?.inputs[2]?.initializer?.dataType, 'float32');
});

test('a graph whose attention is quantized is refused with what to do', () => {
  const source = writeQuantized(join(parent, 'quantized-attention'), 'llama-static');
  const model = readModel(join(source, 'model.onnx'));
  const { graph } = model;
  const softmax = graph.nodes.find(({ opType }) => opType === 'Softmax');
  assert.ok(softmax !== undefined);
  const constants = [
    graph.addInitializer('scores_scale', float32Scalar(0.01)),
    graph.addInitializer('scores_zero_point', new MemoryTensor('int8', [], new Uint8Array(1))),
  ];
  const add = (opType: string, input: Value): Value =>
    graph.addNode({ opType, name: `scores_${opType}`, inputs: [input, ...constants], outputs: 1, before: softmax })
      .output;
  softmax.setInput(0, add('DequantizeLinear', add('QuantizeLinear', softmax.requireInput(0))));
  const changed = join(parent, 'changed');
  writeModel(model, changed, { layout: 'merged' });
  copyFileSync(join(source, 'config.json'), join(changed, 'config.json'));
  try {
    imported(changed);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, QuernError);
    assert.match(String(error), /works with quantized activations outside of linear layers and embeddings/);
    assert.match(error instanceof QuernError ? (error.suggestion ?? '') : '', /quantize the linear layers alone/);
  }
});

test.run();
