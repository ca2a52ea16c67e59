import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluateKind } from '../../../src/stages/evaluate/kind.js';
import { protocolDataset } from '../../../src/stages/evaluate/protocols.js';

const dataset = { parquet: 'test.parquet', column: 'text' };

test('protocols differ in windows, their length and how documents are joined, also by architecture', () => {
  const rules = (protocol: Parameters<typeof protocolDataset>[0], architecture: string): unknown[] => {
    const { length, stride, windows, join } = protocolDataset(protocol, dataset, architecture);
    return [length, stride, windows, join];
  };
  const [opt, llama] = ['OPTForCausalLM', 'LlamaForCausalLM'];
  for (const architecture of [opt, llama]) {
    for (const protocol of ['gptq', 'amd-v1.0'] as const) {
      assert.equal(rules(protocol, architecture), [2048, 2048, null, '\n\n']);
    }
  }
  assert.equal(rules('amd-v1.1', opt), [2048, 2048, null, '\n\n']);
  assert.equal(rules('amd-v1.1', llama), [2048, 2048, 2, '\n\n']);
  assert.equal(rules('amd-v1.2', opt), [2048, 2048, 2, '\n']);
  assert.equal(rules('amd-v1.2', llama), [4096, 4096, 2, '\n']);
});

test('what the recipe gives wins over the protocol', () => {
  const given = protocolDataset('amd-v1.2', { ...dataset, length: 64, windows: 5, join: '' }, 'OPTForCausalLM');
  assert.equal([given.length, given.stride, given.windows, given.join], [64, 64, 5, '']);
});

test('a key has what the protocol leaves open, and devices only of the engine that has them', () => {
  const normalise = (parameters: object) =>
    evaluateKind.normalise?.({ metric: 'perplexity', protocol: 'windows', engine: 'graph', ...parameters });
  const common = { metric: 'perplexity', protocol: 'gptq' };
  assert.equal(normalise({ protocol: 'gptq', dataset: { parquet: 'a' }, devices: ['cpu'] }), {
    ...common,
    engine: 'graph',
    dataset: { parquet: 'a', column: 'text' },
  });
  assert.equal(normalise({ protocol: 'gptq', engine: 'eager', length: 64, dataset: { text: 'a' }, devices: ['cpu'] }), {
    ...common,
    engine: 'eager',
    devices: ['cpu'],
    dataset: { text: 'a', length: 64 },
  });
  const windows = { windows: null, length: 512, stride: 512 };
  assert.equal(Object(normalise({ dataset: { text: 'a' } })).dataset, { text: 'a', ...windows });
  assert.equal(Object(normalise({ dataset: { jsonl: 'a' } })).dataset, {
    ...{ jsonl: 'a', field: 'text', join: '\n\n' },
    ...windows,
  });
});

test('devices of the graph engine are a mistake', () => {
  const check = (parameters: object) =>
    evaluateKind.check?.({ dataset: { text: 'a' }, ...parameters }, new Set(['model']));
  assert.equal(check({ engine: 'graph', devices: ['cpu'] }), []);
  assert.equal(check({ engine: 'eager', devices: [{ npu: 'stx' }] }), []);
  assert.match(JSON.stringify(check({ engine: 'graph', devices: [{ npu: 'stx' }] })), /of `engine: eager`/);
});

test.run();
