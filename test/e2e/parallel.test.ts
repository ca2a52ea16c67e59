import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeTinyOpt } from '../support/tiny-opt.js';
import type { BuildDocument, Project } from './support/project.js';
import { digests, statuses, withProject } from './support/project.js';
import { fileAppears, says } from './support/quern.js';

test("stages that don't depend on each other run at once", () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      one: { steps: [{ reach: 'one' }, { wait: 'two' }] },
      two: { steps: [{ reach: 'two' }, { wait: 'one' }] },
    });
    assert.equal(statuses(await project.build('recipe.yaml', '-j', '2')), { one: 'built', two: 'built' });
  }));

test('-j 1 runs one stage at a time', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { steps: [{ reach: 'here' }, { wait: 'go' }] }, two: {} });
    const running = project.start('build', 'recipe.yaml', '-j', '1');
    await fileAppears(project.signal('here'));
    assert.equal(project.runs, ['one']);
    writeFileSync(project.signal('go'), '');
    assert.is((await running.ended).code, 0);
    assert.equal(project.runs, ['one', 'two']);
  }));

test('of the stages that are ready the one with the longest chain behind it starts first', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      alone: {},
      other: {},
      first: {},
      second: { first: 'first' },
      third: { first: 'second' },
    });
    assert.is((await project.quern('build', 'recipe.yaml', '-j', '1')).code, 0);
    // The first stage of the file starts before there is anything to choose from.
    assert.ok(project.runs.indexOf('first') < project.runs.indexOf('other'), project.runs.join());
  }));

test('stages that share a mutex run one after the other, and let others pass', () =>
  withProject(async (project) => {
    const resources = { mutex: ['gpu'] };
    project.writeProbes('recipe.yaml', {
      one: { resources, steps: [{ reach: 'one' }, { wait: 'other' }] },
      two: { resources },
      other: { steps: [{ reach: 'other' }] },
    });
    assert.equal(statuses(await project.build('recipe.yaml', '-j', '3')), {
      one: 'built',
      two: 'built',
      other: 'built',
    });
    assert.is(project.runs.at(-1), 'two');
  }));

test('priority decides which of the stages that are ready starts first', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { zero: {}, one: {}, two: { resources: { priority: 1 } } });
    assert.is((await project.quern('build', 'recipe.yaml', '-j', '1')).code, 0);
    assert.ok(project.runs.indexOf('two') < project.runs.indexOf('one'), project.runs.join());
  }));

test('a stage that takes more memory than it is given is stopped and named', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      greedy: { resources: { memory: '150 MiB' }, steps: [{ allocate: 400 }, { wait: 'never' }] },
    });
    const { code, stderr } = await project.quern('build', 'recipe.yaml');
    assert.is(code, 1);
    assert.match(stderr, /greedy .*FAILED/);
    assert.match(stderr, /it was stopped because it took [\d.]+ MiB of memory; 150\.0 MiB are allowed/);
    assert.equal(readdirSync(join(project.cache, 'tmp')), []);
  }));

test('a stage that asks for more memory than there is fails before anything runs', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { small: {}, large: { resources: { memory: '8 GiB' } } });
    for (const verb of ['build', 'plan']) {
      const { code, stderr } = await project.quern(verb, 'recipe.yaml', '--memory', '2GiB');
      assert.is(code, 2, stderr);
      assert.match(stderr, /`large` asks for 8\.00 GiB of memory, but builds here may use 2\.00 GiB/);
    }
    assert.equal(project.runs, []);
  }));

test('a plan says which stage took more memory the last time than it may have now', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: {} });
    await project.build('recipe.yaml');
    project.writeProbes('recipe.yaml', { one: { steps: [{ log: 'changed' }] } });
    const { warnings } = await project.json<{ warnings: string[] }>('plan', 'recipe.yaml', '--memory', '1MiB');
    assert.is(warnings.length, 1);
    assert.match(warnings[0]!, /^`one` took [\d.]+ MiB of memory the last time, and would be stopped at 1\.00 MiB$/);
    const { stdout } = await project.quern('plan', 'recipe.yaml', '--memory', '1MiB');
    assert.ok(stdout.includes(warnings[0]!));
  }));

test('two builds at once: each action is built once, the other build says that it waits', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      one: { steps: [{ reach: 'here' }, { wait: 'go' }, { write: { f: 'x' } }] },
      two: { first: 'one', steps: [{ gather: 'all' }] },
    });
    const first = project.start('build', 'recipe.yaml', '--json');
    await fileAppears(project.signal('here'));
    const second = project.start('build', 'recipe.yaml', '--json');
    await says(second, /one waits: being built by another quern, held by pid \d+ on /);
    writeFileSync(project.signal('go'), '');
    const outcomes = await Promise.all([first.ended, second.ended]);
    assert.equal(
      outcomes.map(({ code }) => code),
      [0, 0],
    );
    const [one, two] = outcomes.map(({ stdout }) => digests(JSON.parse(stdout) as BuildDocument));
    assert.equal(one, two);
    assert.equal([...project.runs].sort(), ['one', 'two']);
  }));

test('four builds at once of one recipe', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      one: { steps: [{ write: { f: 'x' } }] },
      two: { first: 'one', steps: [{ gather: 'all' }], to: 'exported' },
      three: { first: 'one' },
      four: { first: 'two', second: 'three' },
    });
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => project.quern('build', 'recipe.yaml')));
    for (const { code, stderr } of outcomes) assert.is(code, 0, stderr);
    assert.equal([...project.runs].sort(), ['four', 'one', 'three', 'two']);
    assert.ok(existsSync(join(project.directory, 'exported/all')));
    assert.equal(readdirSync(join(project.cache, 'tmp')), []);
  }));

test('a build waits for the stage of one that is killed, and then builds it', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { steps: [{ reach: 'here' }, { wait: 'go' }] } });
    const first = project.start('build', 'recipe.yaml');
    await fileAppears(project.signal('here'));
    const second = project.start('build', 'recipe.yaml', '--json');
    await says(second, /waits/);
    first.child.kill('SIGKILL');
    writeFileSync(project.signal('go'), '');
    const { code, stdout } = await second.ended;
    assert.is(code, 0);
    assert.equal(statuses(JSON.parse(stdout) as BuildDocument), { one: 'built' });
  }));

const withFailure = {
  bad: { steps: [{ reach: 'bad' }, { wait: 'good' }, { fail: 'on purpose' }] },
  after: { first: 'bad' },
  good: { steps: [{ reach: 'good' }, { wait: 'go' }, { write: { f: 'x' } }] },
  later: { first: 'good' },
};

async function buildWithFailure(project: Project, ...options: string[]): Promise<BuildDocument> {
  project.writeProbes('recipe.yaml', withFailure);
  const running = project.start('build', 'recipe.yaml', '--json', '-j', '2', '--progress', 'json', ...options);
  await says(running, /"status":"failed"/);
  writeFileSync(project.signal('go'), '');
  const { code, stdout } = await running.ended;
  assert.is(code, 1);
  return JSON.parse(stdout) as BuildDocument;
}

test('after a failure nothing new is started, and what runs is finished', () =>
  withProject(async (project) => {
    const document = await buildWithFailure(project);
    assert.equal(statuses(document), { bad: 'failed', after: 'skipped', good: 'built', later: 'skipped' });
    assert.match(document.stages.find(({ name }) => name === 'bad')?.error?.message ?? '', /on purpose/);
  }));

test('-k goes on with what does not depend on the failure, which is not cached', () =>
  withProject(async (project) => {
    const document = await buildWithFailure(project, '-k');
    assert.equal(statuses(document), { bad: 'failed', after: 'skipped', good: 'built', later: 'built' });
    const again = await project.build('recipe.yaml', '-k');
    assert.equal(statuses(again), { bad: 'failed', after: 'skipped', good: 'cached', later: 'cached' });
  }));

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} once: what runs is finished, nothing new is started`, () =>
    withProject(async (project) => {
      project.writeProbes('recipe.yaml', {
        one: { steps: [{ reach: 'here' }, { wait: 'go' }] },
        two: { first: 'one' },
      });
      const running = project.start('build', 'recipe.yaml', '--json');
      await fileAppears(project.signal('here'));
      running.child.kill(signal);
      await says(running, /finishing what runs/);
      writeFileSync(project.signal('go'), '');
      const { code, stdout } = await running.ended;
      assert.is(code, 130);
      assert.equal(statuses(JSON.parse(stdout) as BuildDocument), { one: 'built', two: 'skipped' });
    }));
}

test('SIGINT twice: what runs is killed', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { steps: [{ reach: 'here' }, { wait: 'never' }] } });
    const running = project.start('build', 'recipe.yaml', '--json');
    await fileAppears(project.signal('here'));
    running.child.kill('SIGINT');
    await says(running, /interrupt again/);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended;
    assert.is(code, 130);
    assert.is((JSON.parse(stdout) as BuildDocument).status, 'interrupted');
    assert.equal(readdirSync(join(project.cache, 'tmp')), []);
    assert.equal(readdirSync(join(project.cache, 'actions')), []);
  }));

test('the same recipe in two places, with other job counts, gives the same artifacts', async () => {
  const build = (jobs: string): Promise<object> =>
    withProject(async (project) => {
      writeTinyOpt(join(project.directory, 'model'));
      project.write('text.txt', 'The ship was built in the harbour of the town. '.repeat(40));
      project.write(
        'recipe.yaml',
        `quern: 1
stages:
  float: { kind: load, source: ./model }
  stats: { kind: calibrate, model: float, dataset: { text: text.txt, windows: 2, length: 16 } }
  smooth: { kind: smoothquant, model: float, stats: stats }
  int8: { kind: quantize, model: smooth, rules: [{ match: { name: lm_head }, keep: float }, { match: {}, scheme: w8a8 }] }
  dynamic: { kind: quantize, model: float, rules: [{ match: {}, scheme: w8a8-ort }] }
  blocks: { kind: quantize, model: float, rules: [{ match: {}, scheme: w4-nbits }] }
  onnx: { kind: export, model: int8 }
  quality: { kind: evaluate, model: int8, reference: float, dataset: { text: text.txt, windows: 2, length: 16 } }
  run: { kind: run, model: onnx, devices: [{ npu: stx }], prompts: [The ship], maxLength: 8, ignoreEos: true }
`,
      );
      const document = await project.build('recipe.yaml', '-j', jobs);
      assert.is(document.status, 'ok', JSON.stringify(document.stages.map(({ error }) => error)));
      return { digests: digests(document), keys: document.stages.map(({ key }) => key) };
    });
  assert.equal(await build('1'), await build('4'));
});

test.run();
