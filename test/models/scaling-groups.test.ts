import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findScalingGroups } from '../../src/models/scaling-groups.js';
import { int } from '../../src/onnx/attribute.js';
import { Graph } from '../../src/onnx/ir.js';
import type { Value } from '../../src/onnx/node.js';
import { tensorFromFloat32 } from '../../src/onnx/tensor.js';

const size = 4;

/** Writes graphs of norms and linear layers of 4 channels by 4. */
class Writer {
  readonly graph = new Graph('groups');
  readonly x = this.graph.addInput('x', { dataType: 'float32', shape: [1, 'tokens', size] });

  node(opType: string, name: string, inputs: readonly Value[], attributes = {}): Value {
    return this.graph.addNode({ opType, name, inputs, outputs: [name], attributes }).output;
  }

  constant(name: string, dims: readonly number[]): Value {
    const count = dims.reduce((product, dim) => product * dim, 1);
    return this.graph.addInitializer(name, tensorFromFloat32(dims, new Float32Array(count).fill(1)));
  }

  norm(name: string, weight: Value = this.constant(`${name}.weight`, [size])): Value {
    return this.node('RMSNormalization', name, [this.x, weight]);
  }

  linear(name: string, input: Value, outputFeatures = size, inputFeatures = size): Value {
    return this.node('MatMul', name, [input, this.constant(`${name}.weight`, [inputFeatures, outputFeatures])]);
  }

  finish(...outputs: readonly Value[]): ReturnType<typeof findScalingGroups> {
    for (const output of outputs) this.graph.addOutput(this.node('Neg', `${output.name}/end`, [output]));
    return findScalingGroups(this.graph);
  }
}

test('one norm in front of attention and MLP is one group of all that read it', () => {
  const writer = new Writer();
  const normed = writer.norm('norm');
  const { groups, refused } = writer.finish(writer.linear('query', normed), writer.linear('up', normed));
  assert.equal(
    groups.map(({ source, layers }) => [source, layers.map(({ name }) => name)]),
    [['norm', ['query', 'up']]],
  );
  assert.equal(refused, []);
});

test('a norm that something besides linear layers reads is refused by its name', () => {
  const writer = new Writer();
  const normed = writer.norm('norm');
  const { groups, refused } = writer.finish(writer.linear('query', normed), writer.node('Sigmoid', 'gate', [normed]));
  assert.equal(groups, []);
  assert.equal(refused, [{ name: 'norm', isNorm: true, reason: 'gate (Sigmoid) reads it and is not a linear layer' }]);
});

test('norms that share a weight are refused, and so is a weight that two layers share', () => {
  const writer = new Writer();
  const weight = writer.constant('shared', [size]);
  const first = writer.linear('first', writer.norm('norm.0', weight));
  const second = writer.linear('second', writer.norm('norm.1', weight));
  const tied = writer.constant('tied', [size, size]);
  const third = writer.node('MatMul', 'third', [writer.norm('norm.2'), tied]);
  const fourth = writer.node('MatMul', 'fourth', [writer.x, tied]);
  const { groups, refused } = writer.finish(first, second, third, fourth);
  assert.equal(groups, []);
  assert.equal(
    refused.filter(({ isNorm }) => isNorm).map(({ name, reason }) => `${name}: ${reason}`),
    [
      'norm.0: its weight shared is shared by 2 operators',
      'norm.1: its weight shared is shared by 2 operators',
      'norm.2: the weight of third is shared by several operators',
    ],
  );
});

test('scales move through a ReLU and not through a GELU', () => {
  for (const [activation, count] of [
    ['Relu', 2],
    ['Gelu', 1],
  ] as const) {
    const writer = new Writer();
    const activated = writer.node(activation, 'activation', [writer.linear('fc1', writer.norm('norm'))]);
    const { groups, refused } = writer.finish(writer.linear('fc2', activated));
    assert.is(groups.length, count, activation);
    assert.equal(
      groups.map(({ maySwitchSign }) => maySwitchSign),
      [true, false].slice(0, count),
    );
    assert.equal(
      refused.map(({ name, reason }) => `${name}: ${reason}`),
      count === 2 ? [] : ['fc2: its input comes out of activation (Gelu), through which no scales can move'],
    );
  }
});

test('features of heads that share values are one channel', () => {
  const writer = new Writer();
  const normed = writer.norm('norm');
  const [query, key, value] = ['query', 'key', 'value'].map((name) =>
    writer.linear(name, normed, name === 'query' ? 8 : size),
  );
  const attributes = { q_num_heads: int(4), kv_num_heads: int(2), is_causal: int(1) };
  const attended = writer.node('Attention', 'attention', [query!, key!, value!], attributes);
  const { groups } = writer.finish(writer.linear('output', attended, size, 8));
  const group = groups.find(({ source }) => source === 'value');
  assert.equal([...(group?.sharedChannels ?? [])], [0, 1, 0, 1, 2, 3, 2, 3]);
});

test.run();
