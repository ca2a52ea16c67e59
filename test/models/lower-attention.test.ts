import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModelConfig } from '../../src/checkpoints/config.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import type { BuiltModel } from '../../src/models/architecture.js';
import { promptInputs } from '../../src/models/decoder-inputs.js';
import { openModelSession } from '../../src/models/graph-session.js';
import { logitError } from '../../src/models/logit-error.js';
import { lowerAttention } from '../../src/models/lower-attention.js';
import { opt } from '../../src/models/opt.js';
import { floatAttribute, int, intAttribute } from '../../src/onnx/attribute.js';
import type { Model } from '../../src/onnx/model.js';
import type { Node } from '../../src/onnx/node.js';
import { int64Scalar, tensorFromFloat32 } from '../../src/onnx/tensor.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { writeTinyOpt } from '../support/tiny-opt.js';
import { buildGolden, readGolden } from './golden-models.js';

const engine = await openEngine({ threads: 1 });
test.after(() => engine.close());

function withTinyModel(use: (model: Model) => void): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    writeTinyOpt(directory);
    const config = readModelConfig(join(directory, 'config.json'));
    use(opt.build(config, openSafetensors(join(directory, 'model.safetensors')), {}).model);
  });
}

const outputNames = ['logits', 'present.0.key', 'present.0.value', 'present.1.key', 'present.1.value'];

test('lowering keeps the names of inputs, outputs and attention nodes', () =>
  withTinyModel((model) => {
    const inputs = model.graph.inputs.map(({ name }) => name);
    assert.is(lowerAttention(model), 2);
    assert.equal(
      model.graph.inputs.map(({ name }) => name),
      inputs,
    );
    assert.equal(
      model.graph.outputs.map(({ name }) => name),
      outputNames,
    );
    const lowered = model.graph.nodes.filter(({ opType }) => opType === 'GroupQueryAttention');
    assert.equal(
      lowered.map(({ name }) => name),
      ['model.decoder.layers.0.self_attn', 'model.decoder.layers.1.self_attn'],
    );
    assert.not(model.graph.nodes.some(({ opType }) => opType === 'Attention'));
  }));

test('lowering twice changes nothing more', () =>
  withTinyModel((model) => {
    lowerAttention(model);
    const nodes = model.graph.nodeCount;
    assert.is(lowerAttention(model), 0);
    assert.is(model.graph.nodeCount, nodes);
  }));

/** The nodes of one operator type. */
function nodesOf(model: Model, opType: string): readonly Node[] {
  return model.graph.nodes.filter((node) => node.opType === opType);
}

/** Logits of the golden tokens, read at once. */
function logitsOf({ model, info }: BuiltModel, name: string): Float32Array {
  const session = openModelSession(engine, model, '/');
  const { logits } = session.run(promptInputs(info, readGolden(name).tokens), ['logits']);
  session.release();
  assert.instance(logits?.data, Float32Array);
  return logits?.data as Float32Array;
}

/** Builds a golden model twice, changes both, lowers the second and compares their logits. */
function compareLowered(name: string, change: (model: Model) => void, use: (lowered: Model) => void): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const [standard, lowered] = [1, 2].map(() => buildGolden(directory, readGolden(name).configs.given));
    for (const built of [standard!, lowered!]) change(built.model);
    lowerAttention(lowered!.model);
    use(lowered!.model);
    assert.ok(logitError(logitsOf(standard!, name), logitsOf(lowered!, name)) < 1e-5);
  });
}

function isRotatedInside(model: Model): boolean {
  const inside = nodesOf(model, 'GroupQueryAttention').map(({ attributes }) => intAttribute(attributes, 'do_rotary'));
  const outside = nodesOf(model, 'RotaryEmbedding').length > 0;
  assert.ok(inside.every((flag) => (flag === 1) === !outside));
  return !outside;
}

test('rotations become part of the attention, and nothing of them is left', () =>
  compareLowered(
    'llama',
    () => {},
    (model) => {
      assert.ok(isRotatedInside(model));
      assert.equal([nodesOf(model, 'SequencePositions').length, nodesOf(model, 'Shape').length], [0, 1]);
    },
  ));

test('interleaved pairs are turned as such', () =>
  compareLowered(
    'llama',
    (model) => {
      for (const node of nodesOf(model, 'RotaryEmbedding')) node.setAttribute('interleaved', int(1));
    },
    (model) => {
      assert.ok(isRotatedInside(model));
      for (const { attributes } of nodesOf(model, 'GroupQueryAttention')) {
        assert.is(intAttribute(attributes, 'rotary_interleaved'), 1);
      }
    },
  ));

test('part of each head may be turned', () =>
  compareLowered(
    'phi3-partial',
    () => {},
    (model) => assert.ok(isRotatedInside(model)),
  ));

/** Changes after which GroupQueryAttention does not compute the same rotation. */
const separate: readonly (readonly [what: string, change: (model: Model) => void])[] = [
  [
    'keys are turned by other angles',
    (model) => {
      const { graph } = model;
      const angles = graph.addInitializer('other', tensorFromFloat32([64, 8], new Float32Array(512).fill(0.5)));
      for (const node of nodesOf(model, 'RotaryEmbedding').filter(({ name }) => name.endsWith('key'))) {
        node.setInput(1, angles);
      }
    },
  ],
  [
    'keys have other pairs',
    (model) => {
      for (const node of nodesOf(model, 'RotaryEmbedding').filter(({ name }) => name.endsWith('key'))) {
        node.setAttribute('interleaved', int(1));
      }
    },
  ],
  [
    'positions are not places in the text',
    (model) => {
      const { graph } = model;
      const positions = graph.value('positions')!;
      const reversed = graph.addNode({
        opType: 'Sub',
        name: 'reversed',
        inputs: [graph.addInitializer('end', int64Scalar(40)), positions],
        outputs: ['reversed'],
        before: positions.producer!.next!,
      });
      for (const node of nodesOf(model, 'RotaryEmbedding')) node.setInput(3, reversed.output);
    },
  ],
  [
    'something else reads the turned keys',
    (model) => {
      for (const { name, output } of nodesOf(model, 'RotaryEmbedding').filter((node) => node.name.endsWith('key'))) {
        const copy = `${name}/copy`;
        const node = model.graph.addNode({ opType: 'Identity', name: copy, inputs: [output], outputs: [copy] });
        model.graph.addOutput(node.output);
      }
    },
  ],
];

for (const [what, change] of separate) {
  test(`rotations stay where they are when ${what}`, () =>
    compareLowered('llama', change, (model) => assert.not(isRotatedInside(model))));
}

test('rotations of heads that GroupQueryAttention can not turn stay where they are', () =>
  compareLowered(
    'qwen3',
    () => {},
    (model) => assert.not(isRotatedInside(model)),
  ));

test('windows and bounds of scores become attributes', () =>
  compareLowered(
    'gemma2',
    () => {},
    (model) => {
      const attributes = nodesOf(model, 'GroupQueryAttention').map((node) => node.attributes);
      assert.equal(
        attributes.map((one) => intAttribute(one, 'local_window_size')),
        [6, undefined, 6],
      );
      assert.equal(
        attributes.map((one) => floatAttribute(one, 'softcap')),
        [3, 3, 3],
      );
      assert.is(nodesOf(model, 'SlidingWindowMask').length, 0);
    },
  ));

test('a mask that is no window of quern is not dropped', () =>
  withTemporaryDirectory(async (directory) => {
    const { model } = buildGolden(directory, readGolden('llama').configs.given);
    const mask = model.graph.addInitializer('mask', tensorFromFloat32([1, 1], new Float32Array(1)));
    nodesOf(model, 'Attention')[0]!.setInput(3, mask);
    assert.throws(() => lowerAttention(model), /does not have the form that models of quern have/);
  }));

test.run();
