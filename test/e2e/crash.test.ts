import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeTinyOpt } from '../support/tiny-opt.js';
import type { Project } from './support/project.js';
import { digests, statuses, withProject } from './support/project.js';
import { fileAppears } from './support/quern.js';

/** Numbers from 0 to 1, the same ones in every run of the tests. */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** The number of the process that has written a signal. A signal that has just appeared may be empty still. */
async function processIn(path: string): Promise<number> {
  for (let text = ''; ; text = readFileSync(path, 'utf8')) {
    if (text !== '') return Number(text);
    await setTimeout(5);
  }
}

/** Waits until there is no process of this number. The test runner's time limit is that of the wait. */
async function processEnds(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await setTimeout(5);
  }
}

/** Starts builds that are killed after random times up to that of a whole one, and builds again after each. */
async function killAtRandomInstants(project: Project, times: number, isWhole: () => void): Promise<void> {
  const startedMs = performance.now();
  const undisturbed = digests(await project.build('recipe.yaml'));
  const wholeMs = performance.now() - startedMs;
  const random = randomNumbers(1);
  for (let attempt = 0; attempt < times; attempt++) {
    rmSync(project.cache, { recursive: true });
    const running = project.start('build', 'recipe.yaml');
    await setTimeout(random.next().value * wholeMs);
    running.child.kill('SIGKILL');
    await running.ended;
    const again = await project.build('recipe.yaml');
    assert.is(again.status, 'ok', `after kill ${attempt + 1}`);
    assert.equal(digests(again), undisturbed, `after kill ${attempt + 1}`);
    assert.equal(readdirSync(join(project.cache, 'tmp')), [], `after kill ${attempt + 1}`);
    isWhole();
  }
}

test('16 kills of a build of probes, each followed by a build that comes out as if nothing had been', () =>
  withProject(async (project) => {
    const text = 'some content\n'.repeat(20_000);
    project.writeProbes('recipe.yaml', {
      one: { steps: [{ write: { 'a/b.txt': text, 'c.txt': 'c' } }] },
      two: { first: 'one', steps: [{ gather: 'all' }], to: 'exported' },
      three: { first: 'one', steps: [{ gather: 'all' }, { write: { d: text } }] },
      four: { first: 'two', second: 'three', steps: [{ gather: 'all' }] },
    });
    await killAtRandomInstants(project, 16, () => {
      assert.ok(readFileSync(join(project.directory, 'exported/all'), 'utf8').includes(text));
    });
  }));

test('6 kills of a build of a model', () =>
  withProject(async (project) => {
    writeTinyOpt(join(project.directory, 'model'));
    project.write(
      'recipe.yaml',
      `quern: 1
stages:
  float: { kind: load, source: ./model }
  int8: { kind: quantize, model: float, rules: [{ match: {}, scheme: w8a8 }] }
  onnx: { kind: export, model: int8, to: ./exported }
`,
    );
    await killAtRandomInstants(project, 6, () =>
      assert.ok(existsSync(join(project.directory, 'exported/model.onnx.data'))),
    );
  }));

for (const point of ['before', 'after'] as const) {
  test(`a kill ${point} the artifact is written leaves no result`, () =>
    withProject(async (project) => {
      const write = { write: { f: 'x' } };
      const pause = [{ reach: 'here' }, { wait: 'go' }];
      project.writeProbes('recipe.yaml', {
        one: { steps: point === 'before' ? [...pause, write] : [write, ...pause] },
      });
      const running = project.start('build', 'recipe.yaml');
      await fileAppears(project.signal('here'));
      running.child.kill('SIGKILL');
      await running.ended;
      assert.equal(readdirSync(join(project.cache, 'actions')), []);
      writeFileSync(project.signal('go'), '');
      assert.equal(statuses(await project.build('recipe.yaml')), { one: 'built' });
      assert.equal(readdirSync(join(project.cache, 'tmp')), []);
    }));
}

test('a child whose parent is killed ends by itself', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      one: { steps: [{ reach: 'here' }, { wait: 'never' }, { reach: 'survived' }] },
    });
    const running = project.start('build', 'recipe.yaml');
    await fileAppears(project.signal('here'));
    const child = await processIn(project.signal('here'));
    running.child.kill('SIGKILL');
    await running.ended;
    await processEnds(child);
    writeFileSync(project.signal('never'), '');
    project.writeProbes('recipe.yaml', { other: { steps: [] } });
    await project.build('recipe.yaml');
    assert.not.ok(existsSync(project.signal('survived')));
  }));

test.run();
