import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { logitError } from '../../src/models/logit-error.js';
import { openModelDirectory, writeModelDirectory } from '../../src/models/model-directory.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { greedyToken } from '../../src/runtime/decoder.js';
import { deviceNamed } from '../../src/runtime/devices/registry.js';
import { openEagerModel } from '../../src/runtime/eager-model.js';
import { openWholeGraph } from '../../src/runtime/whole-graph.js';
import { buildGolden, goldenNames, readGolden } from '../models/golden-models.js';

const parent = mkdtempSync(join(tmpdir(), 'quern-test-'));
const engine = await openEngine({ threads: 1 });
test.after(() => {
  engine.close();
  rmSync(parent, { recursive: true, force: true });
});

for (const name of goldenNames) {
  const { configs, tokens, promptTokens } = readGolden(name);

  test(`${name}: 64 greedy tokens and their logits are those of the whole graph`, () => {
    const directory = join(parent, name);
    const { model, info } = buildGolden(directory, configs.given);
    const written = join(directory, 'model');
    writeModelDirectory(model, written, { layout: 'merged', info, companions: [] });
    const capacity = Math.min(promptTokens + 64, info.maximumPositions);
    const eager = (['op', 'island'] as const).map((granularity) =>
      openEagerModel({
        engine,
        opened: openModelDirectory(written),
        devices: [deviceNamed('cpu')],
        granularity,
        capacity,
        partLength: 5,
      }),
    );
    const whole = openWholeGraph(engine, openModelDirectory(written));
    let ids: readonly number[] = tokens.slice(0, promptTokens);
    while (whole.pastLength + ids.length <= capacity) {
      const expected = whole.forward(ids).slice();
      for (const decoder of eager) {
        const actual = decoder.forward(ids);
        assert.is(greedyToken(actual), greedyToken(expected));
        assert.ok(logitError(expected, actual) < 1e-4);
      }
      ids = [greedyToken(expected)];
    }
    for (const decoder of [...eager, whole]) decoder.close();
  });
}

test.run();
