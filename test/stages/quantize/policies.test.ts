import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PolicyChoice } from '../../../src/quant/policies.js';
import { quantizeKind } from '../../../src/stages/quantize/kind.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const expected: readonly (readonly [PolicyChoice, string, string | null])[] = [
  ['awq', 'w4-g128', null],
  ['awqplus', 'w4-g128', 'w4-g32'],
  ['pergrp', 'w4-g128', 'w4-g128'],
  [{ blocks: 'w3-g128', others: 'w8a8' }, 'w3-g128', 'w8a8'],
];

test('a policy has a scheme for the layers inside of decoder layers, and one for those outside', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    for (const [index, [scheme, inside, outside]] of expected.entries()) {
      const place = join(directory, String(index));
      const parameters = { rules: [{ match: {}, scheme }] };
      const { metrics } = await quantize({ ...workPlace(place), parameters, inputs: { model } });
      assert.is(metrics.keptNodes, outside === null ? 1 : 0);
      const { nodes, rules } = JSON.parse(readFileSync(join(place, 'quantization.json'), 'utf8'));
      for (const node of nodes) {
        assert.is(node.rule, 1);
        assert.is(node.scheme, node.name === 'lm_head' ? outside : inside, node.name);
      }
      if (typeof scheme === 'string') assert.is(rules[0].result, scheme);
    }
  }));

test('a policy and its full description have the same key', () => {
  const normalised = (scheme: PolicyChoice) =>
    quantizeKind.normalise?.({ rules: [{ match: {}, scheme: scheme as never }] });
  assert.equal(normalised('awqplus'), normalised({ blocks: 'w4-g128', others: 'w4-g32' }));
  assert.not.equal(normalised('awqplus'), normalised('pergrp'));
});

test.run();
