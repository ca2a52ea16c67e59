import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importError } from '../../../src/models/import/import-error.js';
import { type ImportedModel, importModel } from '../../../src/models/import/import-model.js';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { logitError } from '../../../src/models/logit-error.js';
import { openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { findScalingGroups } from '../../../src/models/scaling-groups.js';
import { findSegments } from '../../../src/models/segments.js';

import type { Graph } from '../../../src/onnx/ir.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { deviceNamed } from '../../../src/runtime/devices/registry.js';
import { openEagerModel } from '../../../src/runtime/eager-model.js';
import { sourceFiles } from '../../support/source-files.js';
import { buildGolden } from '../golden-models.js';
import { exportedNames, readExported, writeExported } from './exported-golden.js';

const limit = 1e-4;
const parent = mkdtempSync(join(tmpdir(), 'quern-test-'));
const engine = await openEngine({ threads: 1 });
test.after(() => {
  engine.close();
  rmSync(parent, { recursive: true, force: true });
});

function structureOf(graph: Graph) {
  const { groups, refused } = findScalingGroups(graph);
  return {
    layers: findLinearLayers(graph).map(({ name, tensor, decoderLayer, isHead }) => ({
      ...{ name, dims: tensor.dims, decoderLayer, isHead },
      bytes: Buffer.from(tensor.bytes()).toString('base64'),
    })),
    groups: groups.map(({ source, layers }) => [source, layers.map(({ name }) => name)]),
    refused: refused.map(({ name }) => name),
    segments: findSegments(graph).map(({ decoderLayer, layers }) => [decoderLayer, layers.map(({ name }) => name)]),
    initializers: [...graph.initializers.keys()].filter((name) => /\.(weight|bias|cos|sin)$/.test(name)).sort(),
  };
}

for (const name of exportedNames) {
  const exported = readExported(name);
  const { golden } = exported;
  const imported = (): ImportedModel => {
    const source = writeExported(join(parent, name), name);
    return importModel(engine, sourceFiles(source), join(source, 'model.onnx'));
  };

  test(`${name}: the imported model gives the logits of transformers, token by token`, () => {
    const { model, info, references } = imported();
    const target = join(parent, `${name}-imported`);
    writeModelDirectory(model, target, { layout: 'per-tensor', info, companions: [] });
    assert.ok(importError(engine, target, references) < limit);
    const opened = openModelDirectory(target);
    const options = { devices: [deviceNamed('cpu')], granularity: 'island' as const, capacity: info.maximumPositions };
    const eager = openEagerModel({ engine, opened, ...options });
    const { tokens, promptTokens } = golden;
    const parts = [eager.forwardAll(tokens.slice(0, promptTokens)).slice()];
    for (const token of tokens.slice(promptTokens)) parts.push(eager.forwardAll([token]).slice());
    eager.close();
    const error = logitError(golden.logits, Float32Array.from(parts.flatMap((part) => [...part])));
    assert.ok(error < limit, `${error}`);
  });

  // What the checkpoint path splits stays one layer in a graph that has it as one.
  if (exported.isGenai || name.startsWith('phi3')) continue;
  test(`${name}: the imported model has the structure that its checkpoint gives`, () => {
    const { model, info } = imported();
    const built = buildGolden(join(parent, `${name}-checkpoint`), golden.configs.given);
    assert.equal(structureOf(model.graph), structureOf(built.model.graph));
    assert.equal(info, built.info);
  });
}

test.run();
