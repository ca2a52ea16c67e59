import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findLinearLayers } from '../../../src/models/linear-layers.js';
import { openModelDirectory, writeModelDirectory } from '../../../src/models/model-directory.js';
import { findScalingGroups } from '../../../src/models/scaling-groups.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { changedWeight, scaledVectors } from '../../../src/stages/awq/apply-search.js';
import { changeLayers, type SearchOptions, scaleGroups } from '../../../src/stages/awq/segment-search.js';
import { replaceInitializers } from '../../../src/stages/layerwise/layer-result.js';
import { MatrixProducts } from '../../../src/stages/layerwise/matrix-products.js';
import { ResidualStream } from '../../../src/stages/layerwise/residual-stream.js';
import { equivalenceError } from '../../../src/stages/smoothquant/equivalence.js';
import { buildGolden, goldenNames, readGolden } from '../../models/golden-models.js';
import { withTemporaryDirectory } from '../../support/temporary.js';

const options: SearchOptions = { weights: { bits: 3, group: 16, symmetric: false }, grid: 6, clip: false };
const engine = await openEngine({ threads: 1 });
const products = new MatrixProducts(engine);
test.after(() => engine.close());

/** What each decoder layer has of groups by the kind of their source. Other models have a norm twice and a gated layer. */
const expectedGroups: { readonly [name: string]: number } = {
  gpt2: 2,
  'gpt2-scaled': 2,
  opt: 4,
};

for (const name of goldenNames) {
  test(`${name}: its decoder layers are walked through, and scales leave it the same function`, () =>
    withTemporaryDirectory(async (parent) => {
      const { model, info } = buildGolden(parent, readGolden(name).configs.given);
      const [directory, output] = [join(parent, 'model'), join(parent, 'scaled')];
      writeModelDirectory(model, directory, { layout: 'per-tensor', info, companions: [] });
      const windows = [1, 2].map((step) =>
        Int32Array.from({ length: 20 }, (_, index) => (index * step * 7 + step) % info.vocabularySize),
      );
      const { graph } = model;
      const stream = new ResidualStream(engine, openModelDirectory(directory), windows);
      assert.is(stream.segments.length, info.layers);
      for (const segment of stream.segments) {
        const names = new Set(segment.layers.map((layer) => layer.name));
        const statistics = stream.measureAndAdvance(segment);
        const groups = findScalingGroups(graph).groups.filter(
          ({ layers, sharedChannels }) => !sharedChannels && layers.every((layer) => names.has(layer.name)),
        );
        assert.ok(groups.length >= (expectedGroups[name] ?? 3), groups.map(({ source }) => source).join(', '));
        const scaled = scaleGroups(groups, statistics, options, products);
        const layers = findLinearLayers(graph).filter((layer) => names.has(layer.name));
        for (const changed of changeLayers(layers, scaled, statistics, options, products)) {
          replaceInitializers(graph, [changedWeight(changed)]);
        }
        replaceInitializers(graph, scaled.flatMap(scaledVectors));
      }
      writeModelDirectory(model, output, { layout: 'per-tensor', info, companions: [] });
      const error = await equivalenceError(directory, output, 1);
      assert.ok(error < 2e-5, `${error}`);
    }));
}

test.run();
