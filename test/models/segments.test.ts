import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { lowerAttention } from '../../src/models/lower-attention.js';
import { openModelDirectory } from '../../src/models/model-directory.js';
import { findScalingGroups } from '../../src/models/scaling-groups.js';
import { extractBetween, findSegments } from '../../src/models/segments.js';
import { loadCheckpoint } from '../support/loaded-model.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { writeTinyOpt } from '../support/tiny-opt.js';

function withTinyOpt(use: (directory: string) => void): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    use(await loadCheckpoint(writeTinyOpt(`${directory}/checkpoint`), `${directory}/model`));
  });
}

test('a decoder falls into its layers at the residual stream', () =>
  withTinyOpt((directory) => {
    for (const lowered of [false, true]) {
      const { model } = openModelDirectory(directory);
      if (lowered) lowerAttention(model);
      const segments = findSegments(model.graph);
      assert.equal(
        segments.map(({ decoderLayer, input, output, layers }) => [
          decoderLayer,
          input.name,
          output.name,
          layers.length,
        ]),
        [
          [0, 'model.decoder.embed', 'model.decoder.layers.0/mlp_residual', 6],
          [1, 'model.decoder.layers.0/mlp_residual', 'model.decoder.layers.1/mlp_residual', 6],
        ],
      );
    }
  }));

test('a part has the nodes between two values and what computes the masks, and shares the weights', () =>
  withTinyOpt((directory) => {
    const { model } = openModelDirectory(directory);
    lowerAttention(model);
    const segment = findSegments(model.graph)[1]!;
    const { graph } = extractBetween(model, [segment.input], [segment.output]);
    assert.equal(
      graph.outputs.map(({ name }) => name),
      [segment.output.name],
    );
    assert.equal(
      graph.inputs.map(({ name }) => name).sort(),
      ['attention_mask', segment.input.name, 'past_key_values.1.key', 'past_key_values.1.value'].sort(),
    );
    assert.ok(graph.nodes.every(({ name }) => name.includes('layers.1') || name.startsWith('attention_lengths')));
    const weight = segment.layers[0]!.weight;
    assert.is(graph.initializers.get(weight.name)?.initializer, weight.initializer);
  }));

test('a second path around a layer is an error that names it', () =>
  withTinyOpt((directory) => {
    const { model } = openModelDirectory(directory);
    const { graph } = model;
    const embedding = graph.value('model.decoder.embed')!;
    const last = graph.value('model.decoder.layers.1/mlp_residual')!;
    const add = graph.addNode({ opType: 'Add', name: 'bypass', inputs: [last, embedding], outputs: ['bypass'] });
    graph.replaceAllUses(last, add.output);
    graph.sort();
    assert.throws(
      () => findSegments(graph),
      (error: unknown) => error instanceof QuernError && error.message.includes('decoder layer'),
    );
  }));

test('groups of AWQ: norms, values and outputs, both sides of a ReLU', () =>
  withTinyOpt((directory) => {
    const { graph } = openModelDirectory(directory).model;
    const path = 'model.decoder.layers.0';
    const groups = findScalingGroups(graph).groups.slice(0, 4);
    assert.equal(
      groups.map(({ source, layers, vectors, linear }) => [
        source,
        layers.map(({ name }) => name.slice(path.length + 1)),
        vectors.length,
        linear?.name,
      ]),
      [
        [`${path}.self_attn_layer_norm`, ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'], 2, undefined],
        [`${path}.self_attn.v_proj`, ['self_attn.out_proj'], 1, `${path}.self_attn.v_proj`],
        [`${path}.final_layer_norm`, ['fc1'], 2, undefined],
        [`${path}.fc1`, ['fc2'], 1, `${path}.fc1`],
      ],
    );
    assert.is(findScalingGroups(graph).groups.length, 8);
  }));

test('a value that something else reads is no group', () =>
  withTinyOpt((directory) => {
    const { graph } = openModelDirectory(directory).model;
    const activated = graph.value('model.decoder.layers.0.activation_fn')!;
    graph.addNode({ opType: 'Identity', name: 'spy', inputs: [activated], outputs: ['spy'] });
    graph.addOutput(graph.value('spy')!);
    const biased = graph.value('model.decoder.layers.0.self_attn.v_proj/bias')!;
    graph.addNode({ opType: 'Identity', name: 'other', inputs: [biased], outputs: ['other'] });
    graph.addOutput(graph.value('other')!);
    const sources = findScalingGroups(graph).groups.map(({ source }) => source);
    assert.is(sources.length, 6);
    assert.not.ok(sources.includes('model.decoder.layers.0.fc1'));
    assert.not.ok(sources.includes('model.decoder.layers.0.self_attn.v_proj'));
  }));

test.run();
