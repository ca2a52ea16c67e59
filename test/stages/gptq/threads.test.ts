import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type GptqParameters, gptq } from '../../../src/stages/gptq/work.js';
import { filesOf } from '../../support/files-of.js';
import { loadCheckpoint, textSource, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';
import { writeTinyOpt } from '../../support/tiny-opt.js';

const parameters: GptqParameters = {
  dataset: { text: 'calibration.txt', windows: 8, length: 24, stride: 24 },
  bits: 4,
  group: 16,
  symmetric: false,
  damp: 0.01,
  actOrder: false,
};

test('two threads and another folder give the same bytes', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    for (const actOrder of [false, true]) {
      const [once, again] = [join(directory, `once-${actOrder}`), join(directory, `elsewhere/again-${actOrder}`)];
      for (const [to, threads] of [
        [once, 1],
        [again, 2],
      ] as const) {
        const place = { ...workPlace(to, threads), inputs: { model }, sources: textSource() };
        await gptq({ ...place, parameters: { ...parameters, actOrder } });
      }
      assert.equal(filesOf(again), filesOf(once));
    }
  }));

test.run();
