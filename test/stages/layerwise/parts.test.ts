import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { awq } from '../../../src/stages/awq/work.js';
import { calibrate } from '../../../src/stages/calibrate/work.js';
import { evaluate } from '../../../src/stages/evaluate/work.js';
import { gptq } from '../../../src/stages/gptq/work.js';
import type { WorkContext } from '../../../src/stages/kind.js';
import { filesOf } from '../../support/files-of.js';
import { KeptParts } from '../../support/kept-parts.js';
import { loadCheckpoint, textSource, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const dataset = { text: 'calibration.txt', windows: 3, length: 24, stride: 24 };
/** A batch has 32 windows of a small model. */
const twoBatches = { ...dataset, windows: 40 };
const protocol = { metric: 'perplexity', protocol: 'windows', engine: 'graph' } as const;
const weights = { bits: 4, group: 16, symmetric: false } as const;

type Place = Omit<WorkContext, 'parameters'>;

const works: { readonly [kind: string]: (place: Place) => Promise<unknown> } = {
  awq: (place) => awq({ ...place, parameters: { dataset, ...weights, grid: 4, clip: true } }),
  gptq: (place) => gptq({ ...place, parameters: { dataset, ...weights, damp: 0.01, actOrder: true } }),
  calibrate: (place) => calibrate({ ...place, parameters: { dataset: twoBatches, collect: ['absmax', 'absmean'] } }),
  evaluate: (place) => evaluate({ ...place, parameters: { dataset: twoBatches, ...protocol } }),
};

for (const [kind, work] of Object.entries(works)) {
  test(`${kind} that was stopped after the first of two parts goes on there, and gives the same bytes`, () =>
    withTemporaryDirectory(async (directory) => {
      const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
      const parts = new KeptParts(join(directory, 'parts'));
      const place = (name: string, more: Partial<Place> = {}): Place => ({
        ...workPlace(join(directory, name)),
        inputs: { model },
        sources: textSource(),
        ...more,
      });
      await work(place('whole'));
      parts.remaining = 1;
      await work(place('stopped', { part: parts.part })).then(
        () => assert.unreachable('it needs two parts'),
        () => {},
      );
      parts.remaining = 1;
      await work(place('continued', { part: parts.part }));
      assert.is(parts.made.length, 2);
      parts.remaining = 0;
      await work(place('found', { part: parts.part }));
      const whole = filesOf(join(directory, 'whole'));
      for (const name of ['continued', 'found']) assert.equal(filesOf(join(directory, name)), whole);
    }));
}

test.run();
