import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';
import { findLinearLayers } from '../../src/models/linear-layers.js';
import { writeModelDirectory } from '../../src/models/model-directory.js';
import { findScalingGroups } from '../../src/models/scaling-groups.js';
import type { Graph } from '../../src/onnx/ir.js';
import { smoothquant } from '../../src/stages/smoothquant/work.js';
import { workPlace } from '../support/loaded-model.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { buildGolden, goldenNames, readGolden } from './golden-models.js';

const equivalenceLimit = 1e-5;

/** The groups of a graph in its first decoder layer and behind the last: source and layers, by their last names. */
function groupsOf(graph: Graph): string[] {
  const last = (name: string): string => name.split('.').at(-1) ?? '';
  return findScalingGroups(graph)
    .groups.filter(({ source }) => !/(layers|h)\.[1-9]/.test(source))
    .map(({ source, layers }) => `${last(source)}: ${layers.map(({ name }) => last(name)).join(' ')}`);
}

const attention = ['input_layernorm: q_proj k_proj v_proj', 'v_proj: o_proj'];
const gate = 'up_proj: down_proj';
const gated = [...attention, 'post_attention_layernorm: gate_proj up_proj', gate];
const gemma = [...attention, 'pre_feedforward_layernorm: gate_proj up_proj', gate];
const opt = ['self_attn_layer_norm: q_proj k_proj v_proj', 'v_proj: out_proj', 'final_layer_norm: fc1', 'fc1: fc2'];
const expectedGroups: { readonly [name: string]: readonly string[] } = {
  gemma2: gemma,
  'gemma2-full': gemma,
  'gemma2-uncapped': gemma,
  gpt2: ['ln_1: c_attn', 'ln_2: c_fc'],
  'gpt2-scaled': ['ln_1: c_attn', 'ln_2: c_fc'],
  opt,
  'opt-projection': [...opt.slice(0, 3), 'final_layer_norm: project_out'],
};

/** Statistics as calibration writes them, with channels that differ by a factor of up to 1000. */
function writeStatistics(directory: string, graph: Graph): void {
  mkdirSync(directory);
  const tensors = findLinearLayers(graph).map(({ name, inputFeatures }) => ({
    name,
    dataType: 'float32' as const,
    dims: [inputFeatures],
    data: Float32Array.from({ length: inputFeatures }, (_, channel) => 10 ** (((channel * 7) % 31) / 10 - 1)),
  }));
  writeSafetensors(join(directory, 'absmax.safetensors'), tensors);
}

for (const name of goldenNames) {
  test(`${name}: groups are found in the structure, and smoothed models are the same function`, () =>
    withTemporaryDirectory(async (parent) => {
      const { model, info } = buildGolden(parent, readGolden(name).configs.given);
      assert.equal(groupsOf(model.graph), expectedGroups[name] ?? gated);
      const [directory, stats] = [join(parent, 'model'), join(parent, 'stats')];
      writeStatistics(stats, model.graph);
      writeModelDirectory(model, directory, { layout: 'per-tensor', info, companions: [] });
      const { groups } = findScalingGroups(model.graph);
      const counts = { norms: groups.filter(({ linear }) => linear === undefined).length, extended: groups.length };
      for (const choice of ['norms', 'extended'] as const) {
        const { metrics } = await smoothquant({
          ...workPlace(join(parent, choice)),
          parameters: { alpha: 0.5, groups: choice },
          inputs: { model: directory, stats },
        });
        assert.is(metrics.groups, counts[choice]);
        assert.ok(Number(metrics.equivalenceError) < equivalenceLimit, `${metrics.equivalenceError}`);
        assert.ok(Number(metrics.equivalenceError) > 0, 'the model was changed');
      }
    }));
}

test('the head is found behind a bound of the logits', () =>
  withTemporaryDirectory(async (directory) => {
    const { model } = buildGolden(directory, readGolden('gemma2').configs.given);
    const heads = findLinearLayers(model.graph).filter(({ isHead }) => isHead);
    assert.equal(
      heads.map(({ name }) => name),
      ['lm_head'],
    );
  }));

test.run();
