import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import type { NBitsScheme, SchemeChoice, SchemeName } from '../../../src/quant/schemes.js';
import type { Form } from '../../../src/stages/export/forms/form.js';
import { exportModel } from '../../../src/stages/export/work.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

function nbits(weights: NBitsScheme['weights']): NBitsScheme {
  return { form: 'nbits', weights, activations: { type: 'float32' }, accuracyLevel: 0 };
}

const group = { granularity: 'group', group: 16 } as const;
const groupSchemes: readonly NBitsScheme[] = [
  nbits({ type: 'int4', ...group, symmetric: true, scale: 'onnxruntime' }),
  nbits({ type: 'int4', ...group, symmetric: false, scale: 'onnxruntime' }),
  nbits({ type: 'int8', ...group, symmetric: true, scale: 'onnxruntime' }),
  nbits({ type: 'int8', ...group, symmetric: false, scale: 'amd' }),
  nbits({ type: 'int3', granularity: 'channel', symmetric: false, scale: 'amd' }),
];
const integerSchemes: readonly SchemeName[] = [
  ...(['w8a8', 'w8a8-channel', 'w8a8-token', 'w8a16'] as const),
  ...(['w8a8-ort', 'w8a8-ort-channel'] as const),
];

/** The model with everything quantized, the head apart. */
async function quantized(model: string, scheme: SchemeChoice, to: string): Promise<string> {
  const rules = [
    { match: { name: 'lm_head' }, keep: 'float' as const },
    { match: {}, scheme },
  ];
  await quantize({ ...workPlace(to), parameters: { rules }, inputs: { model } });
  return to;
}

async function exported(model: string, form: Form, to: string): Promise<string> {
  await exportModel({ ...workPlace(to), parameters: { attention: 'gqa', form }, inputs: { model } });
  return to;
}

function operatorsOf(directory: string): ReadonlySet<string> {
  const { graph } = openModelDirectory(directory).model;
  return new Set(graph.nodes.map(({ domain, opType }) => (domain === '' ? opType : `${domain}.${opType}`)));
}

async function withQuantized(
  schemes: readonly SchemeChoice[],
  use: (model: string, to: (name: string) => string, scheme: SchemeChoice) => Promise<void>,
): Promise<void> {
  await withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    for (const [index, scheme] of schemes.entries()) {
      const place = join(directory, String(index));
      await use(await quantized(model, scheme, place), (name) => `${place}-${name}`, scheme);
    }
  });
}

const integerOperators = ['MatMulInteger', 'com.microsoft.MatMulNBits', 'quern.DynamicQuantizedMatMul'];

test('groups of weights as qdq and float compute what MatMulNBits does', () =>
  withQuantized(groupSchemes, async (model, to, scheme) => {
    for (const form of ['qdq', 'float'] as const) {
      const result = await exported(model, form, to(form));
      const error = await equivalenceError(model, result, 1);
      assert.ok(error < 1e-5, `${JSON.stringify(scheme)} as ${form}: ${error}`);
      const operators = operatorsOf(result);
      assert.not(operators.has('com.microsoft.MatMulNBits'));
      assert.is(operators.has('DequantizeLinear'), form === 'qdq');
    }
  }));

test('integer products as qoperator are the same to the last bit, as qdq to that of float sums', () =>
  withQuantized(integerSchemes, async (model, to, scheme) => {
    const operators = await exported(model, 'qoperator', to('qoperator'));
    assert.is(await equivalenceError(model, operators, 1), 0, `${scheme}`);
    assert.ok(operatorsOf(operators).has('MatMulInteger'));
    assert.is(openModelDirectory(operators).model.functions.length, 0);
    const pairs = await exported(model, 'qdq', to('qdq'));
    const error = await equivalenceError(model, pairs, 1);
    assert.ok(error < 2e-3, `${scheme}: ${error}`);
    for (const name of integerOperators) assert.not(operatorsOf(pairs).has(name));
  }));

test('integer products as float have the weights that the codes stand for', () =>
  withQuantized(['w8a8', 'w8a8-token', 'w8a8-ort-channel'], async (model, to, scheme) => {
    const result = await exported(model, 'float', to('float'));
    assert.not(operatorsOf(result).has('DynamicQuantizeLinear'));
    const error = await equivalenceError(model, result, 1);
    assert.ok(error > 0 && error < 0.05, `${scheme}: ${error}`);
  }));

test('a form that can not express a product names the first of them', () =>
  withQuantized(['w8a8', 'w4-nbits'], async (model, to, scheme) => {
    const form = scheme === 'w8a8' ? 'nbits' : 'qoperator';
    try {
      await exported(model, form, to('refused'));
      assert.unreachable();
    } catch (error) {
      assert.match(String(error), /model\.decoder\.layers\.0\.self_attn\.q_proj .*can't be written as/);
    }
  }));

test('nbits states the accuracy level of each product', () =>
  withQuantized(['w4-nbits'], async (model, to) => {
    const parameters = { attention: 'gqa', form: 'nbits', accuracyLevel: 4 } as const;
    const { metrics } = await exportModel({ ...workPlace(to('nbits')), parameters, inputs: { model } });
    assert.is(metrics.accuracyLevel, 4);
    const { graph } = openModelDirectory(to('nbits')).model;
    const products = graph.nodes.filter(({ opType }) => opType === 'MatMulNBits');
    assert.is(products.length, 12);
    for (const node of products) assert.equal(node.attributes.get('accuracy_level'), { type: 'int', value: 4 });
  }));

test('an older opset is declared where its operators are all there are', () =>
  withQuantized(['w4-nbits'], async (model, to) => {
    const parameters = { form: 'qdq', opset: 21 } as const;
    await exportModel({ ...workPlace(to('old')), parameters: { attention: 'gqa', ...parameters }, inputs: { model } });
    const { opsets, irVersion } = openModelDirectory(to('old')).model;
    assert.is(opsets.get(''), 21);
    assert.is(irVersion, 10);
    assert.ok((await equivalenceError(model, to('old'), 1)) < 1e-5);
    try {
      const context = { ...workPlace(to('refused')), inputs: { model } };
      await exportModel({ ...context, parameters: { attention: 'onnx', ...parameters } });
      assert.unreachable();
    } catch (error) {
      assert.match(
        String(error),
        /layers\.0\.self_attn \(Attention\) is an operator of opset 23; the recipe asks for 21/,
      );
    }
  }));

test.run();
