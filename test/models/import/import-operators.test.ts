import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { promptInputs } from '../../../src/models/decoder-inputs.js';
import { openModelSession } from '../../../src/models/graph-session.js';
import { importError } from '../../../src/models/import/import-error.js';
import { importModel } from '../../../src/models/import/import-model.js';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { logitError } from '../../../src/models/logit-error.js';
import { openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { findScalingGroups } from '../../../src/models/scaling-groups.js';
import type { Model } from '../../../src/onnx/model.js';
import { readModel } from '../../../src/onnx/read.js';
import { writeModel } from '../../../src/onnx/write.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { sourceFiles } from '../../support/source-files.js';
import { buildGolden, readGolden } from '../golden-models.js';
import { readExported, writeExported } from './exported-golden.js';
import { useHalfPrecision } from './half-precision.js';
import { useMultiHeadAttention, useSkipNorms } from './operator-variants.js';

const parent = mkdtempSync(join(tmpdir(), 'quern-test-'));
const engine = await openEngine({ threads: 1 });
test.after(() => {
  engine.close();
  rmSync(parent, { recursive: true, force: true });
});

/** What computes positions is other in OPT's checkpoint path, and a single head needs no cutting. */
const otherTypes: ReadonlySet<string> = new Set(['Range', 'Shape', 'Squeeze', 'Sub', 'SequencePositions', 'Reshape']);

function structureOf({ graph }: Model) {
  const count = new Map<string, number>();
  for (const { opType } of graph.nodes) if (!otherTypes.has(opType)) count.set(opType, (count.get(opType) ?? 0) + 1);
  return {
    operators: [...count].sort(),
    windows: [...graph.initializers.keys(), ...graph.nodes.map(({ name }) => name)].filter((name) =>
      name.startsWith('sliding_window'),
    ),
    layers: findLinearLayers(graph).map(({ name, tensor }) => [name, tensor.dims]),
    groups: findScalingGroups(graph).groups.map(({ source, layers }) => [source, layers.map(({ name }) => name)]),
  };
}

/** Models in the form that quern writes them: the standard's Attention with a cache of its own. */
for (const [label, goldens, change] of [
  ['the standard Attention', ['opt', 'llama-gqa-tied', 'mistral', 'qwen3', 'gemma2'], () => undefined],
  ['MultiHeadAttention', ['opt', 'llama', 'gpt2'], useMultiHeadAttention],
  ['SkipLayerNormalization', ['opt', 'llama-gqa-tied', 'gpt2'], useSkipNorms],
] as const) {
  for (const name of goldens) {
    test(`${name} with ${label} is imported as the checkpoint is`, () => {
      const config = readGolden(name).configs.given;
      const build = (place: string) => buildGolden(join(parent, `${label}-${name}-${place}`), config);
      const { model, info } = build('changed');
      change(model);
      const source = join(parent, `${label}-${name}`);
      writeModelDirectory(model, source, { layout: 'merged', info, companions: [] });
      writeFileSync(join(source, 'config.json'), JSON.stringify(config));
      const imported = importModel(engine, sourceFiles(source), join(source, 'model.onnx'));
      assert.equal(structureOf(imported.model), structureOf(build('checkpoint').model));
      const target = `${source}-imported`;
      writeModelDirectory(imported.model, target, { layout: 'per-tensor', info: imported.info, companions: [] });
      const error = importError(engine, target, imported.references);
      assert.ok(error < 1e-4, `${error}`);
      assert.equal(imported.info, info);
    });
  }
}

for (const name of ['opt-past', 'llama-past']) {
  test(`${name} in half precision is imported as float32, with the logits of transformers but for rounding`, () => {
    const source = writeExported(join(parent, name), name);
    const half = join(parent, `${name}-half`);
    const model = readModel(join(source, 'model.onnx'));
    useHalfPrecision(model.graph);
    writeModel(model, half, { layout: 'merged' });
    const { golden } = readExported(name);
    writeFileSync(join(half, 'config.json'), JSON.stringify(golden.configs.given));
    const imported = importModel(engine, sourceFiles(half), join(half, 'model.onnx'));
    const types = [...imported.model.graph.initializers.values()].map(({ initializer }) => initializer?.dataType);
    assert.not(types.includes('float16'));
    assert.is(imported.errorLimit, 2e-2);
    const target = `${half}-imported`;
    writeModelDirectory(imported.model, target, { layout: 'per-tensor', info: imported.info, companions: [] });
    assert.ok(importError(engine, target, imported.references) < imported.errorLimit);
    const opened = openModelDirectory(target);
    const session = openModelSession(engine, opened.model, realpathSync(target), { prepack: false });
    const logits = session.run(promptInputs(opened.info, golden.tokens), ['logits']).logits?.data;
    session.release();
    const error = logits instanceof Float32Array ? logitError(golden.logits, logits) : Number.NaN;
    assert.ok(error < imported.errorLimit, `${error}`);
  });
}

test.run();
