import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { remainingPaths } from '../../src/build/critical-path.js';

const stage = (name: string, expectedMs: number, ...inputs: string[]) => ({ name, expectedMs, inputs });

test('the path of a stage is its own time and that of the longest chain behind it', () => {
  const paths = remainingPaths([
    stage('load', 1),
    stage('short', 2, 'load'),
    stage('long', 10, 'load'),
    stage('join', 5, 'short', 'long'),
  ]);
  assert.equal(
    [...paths],
    [
      ['load', 16],
      ['short', 7],
      ['long', 15],
      ['join', 5],
    ],
  );
});

test('a chain of thousands of stages needs no deep stack', () => {
  const stages = Array.from({ length: 20_000 }, (_, index) =>
    index === 0 ? stage('s0', 1) : stage(`s${index}`, 1, `s${index - 1}`),
  );
  assert.is(remainingPaths(stages).get('s0'), 20_000);
});

test.run();
