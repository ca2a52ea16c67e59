import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BuildDocument } from './support/project.js';
import { statuses, withProject } from './support/project.js';
import { fileAppears } from './support/quern.js';

const chain = (text: string) => ({
  one: { steps: [{ write: { 'out.txt': text } }] },
  two: { first: 'one', steps: [{ gather: 'all.txt' }] },
  three: { first: 'two', steps: [{ gather: 'all.txt' }] },
});

test('a second build runs nothing', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', chain('a'));
    const first = await project.build('recipe.yaml');
    assert.equal(statuses(first), { one: 'built', two: 'built', three: 'built' });
    const second = await project.build('recipe.yaml');
    assert.equal(statuses(second), { one: 'cached', two: 'cached', three: 'cached' });
    assert.equal(project.runs, ['one', 'two', 'three']);
  }));

test('a changed parameter reruns its stage and what depends on it', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', chain('a'));
    await project.build('recipe.yaml');
    const changed = chain('a');
    project.writeProbes('recipe.yaml', { ...changed, two: { ...changed.two, metrics: { marked: 1 } } });
    // The artifact of `two` comes out the same, so `three` is not built again.
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'cached', two: 'built', three: 'cached' });
    project.writeProbes('recipe.yaml', chain('b'));
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'built', two: 'built', three: 'built' });
    project.writeProbes('recipe.yaml', chain('a'));
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'cached', two: 'cached', three: 'cached' });
  }));

test('names of stages, comments, gates and destinations are not part of the key', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { id: 'x', metrics: { size: 1 } }, two: { id: 'y', first: 'one' } });
    await project.build('recipe.yaml');
    project.writeProbes('recipe.yaml', {
      uno: { id: 'x', metrics: { size: 1 }, gates: { size: { max: 2 } } },
      due: { id: 'y', first: 'uno', to: 'exported' },
    });
    assert.equal(statuses(await project.build('recipe.yaml')), { uno: 'cached', due: 'cached' });
    assert.equal(project.runs, ['x', 'y']);
  }));

test('a source is known by its content', () =>
  withProject(async (project) => {
    const source = project.write('input.txt', 'first');
    project.writeProbes('recipe.yaml', { one: { file: 'input.txt' } });
    await project.build('recipe.yaml');
    utimesSync(source, new Date(), new Date());
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'cached' });
    writeFileSync(source, 'other');
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'built' });
    writeFileSync(source, 'first');
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'cached' });
  }));

test('a source that changes while its stage runs gives no result', () =>
  withProject(async (project) => {
    const source = project.write('input.txt', 'first');
    project.writeProbes('recipe.yaml', { one: { file: 'input.txt', steps: [{ reach: 'started' }, { wait: 'go' }] } });
    const running = project.start('build', 'recipe.yaml', '--json');
    await fileAppears(project.signal('started'));
    writeFileSync(source, 'changed meanwhile');
    writeFileSync(project.signal('go'), '');
    const outcome = await running.ended;
    assert.is(outcome.code, 1);
    const document = JSON.parse(outcome.stdout) as BuildDocument;
    assert.match(document.stages[0]?.error?.message ?? '', /input\.txt changed while the stage ran/);
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'built' });
  }));

test('gates are checked on cached results and make the exit code 3', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { metrics: { loss: 0.04 } } });
    assert.is((await project.quern('build', 'recipe.yaml')).code, 0);
    project.writeProbes('recipe.yaml', { one: { metrics: { loss: 0.04 }, gates: { loss: { max: '3%' } } } });
    const missed = await project.quern('build', 'recipe.yaml', '--json');
    assert.is(missed.code, 3);
    const document = JSON.parse(missed.stdout) as BuildDocument;
    assert.is(document.status, 'gate');
    assert.equal(document.stages[0]?.gates, [{ name: 'loss max 3%', limit: 0.03, value: 0.04, ok: false }]);
    assert.match(missed.stderr, /gate missed: loss max 3%, but it is 0\.04/);
    assert.equal(project.runs, ['one']);
  }));

test('why names the field that changed, with the value before and after', () =>
  withProject(async (project) => {
    const recipe = (size: number) => `quern: 1
vars: { size: ${size} }
stages:
  one: { kind: probe, id: a, metrics: { size: "\${size}" }, steps: [{ write: { f: x } }] }
  two: { kind: probe, id: b, first: one }
`;
    project.write('recipe.yaml', recipe(1));
    await project.build('recipe.yaml');
    project.write('recipe.yaml', recipe(2));
    interface Why {
      readonly status: string;
      readonly reasons: readonly { readonly field: string; readonly before: unknown; readonly after: unknown }[];
      readonly inputs: readonly Why[];
    }
    const why = await project.json<Why>('why', 'recipe.yaml', 'one');
    assert.is(why.status, 'run');
    assert.equal(why.reasons, [{ field: 'parameters.metrics.size', before: 1, after: 2 }]);
    const dependent = await project.json<Why>('why', 'recipe.yaml', 'two');
    assert.is(dependent.status, 'pending');
    assert.is(dependent.reasons[0]?.field, 'inputs.first');
    assert.is(dependent.reasons[0]?.after, null);
    assert.equal(dependent.inputs[0]?.reasons, why.reasons);
    const text = await project.quern('why', 'recipe.yaml', 'one');
    assert.match(text.stdout, /metrics\.size 1 -> 2 {3}recipe\.yaml:2 \(vars\.size\)/);
    assert.match(text.stdout, /two depends on it\./);
    await project.build('recipe.yaml');
    assert.is((await project.json<Why>('why', 'recipe.yaml', 'one')).status, 'cached');
  }));

test('plan, status and --dry-run build nothing', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', chain('a'));
    interface Plan {
      readonly stages: readonly { readonly name: string; readonly state: string }[];
    }
    const plan = await project.json<Plan>('plan', 'recipe.yaml');
    assert.equal(
      plan.stages.map(({ state }) => state),
      ['run', 'pending', 'pending'],
    );
    const status = await project.json<Plan>('status', 'recipe.yaml');
    assert.equal(
      status.stages.map(({ state }) => state),
      ['run', 'pending', 'pending'],
    );
    assert.is((await project.quern('build', 'recipe.yaml', '-n')).code, 0);
    assert.equal(project.runs, []);
  }));

test('a target builds only what it needs', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { ...chain('a'), other: {} });
    assert.equal(statuses(await project.build('recipe.yaml', 'two')), { one: 'built', two: 'built' });
    assert.equal(project.runs, ['one', 'two']);
  }));

test('--force builds again what is cached', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', chain('a'));
    await project.build('recipe.yaml');
    assert.equal(statuses(await project.build('recipe.yaml', '--force=two')), {
      one: 'cached',
      two: 'built',
      three: 'cached',
    });
    assert.equal(statuses(await project.build('recipe.yaml', '--force')), {
      one: 'built',
      two: 'built',
      three: 'built',
    });
  }));

test('--frozen accepts what is locked and refuses anything else with exit code 4', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', chain('a'));
    assert.is((await project.quern('build', 'recipe.yaml', '--frozen')).code, 2);
    await project.build('recipe.yaml');
    assert.is((await project.quern('build', 'recipe.yaml', '--frozen')).code, 0);
    project.writeProbes('recipe.yaml', chain('b'));
    const outcome = await project.quern('build', 'recipe.yaml', '--frozen');
    assert.is(outcome.code, 4);
    assert.match(outcome.stderr, /stage one: locked/);
  }));

test('show and path give the result of a stage', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', chain('hello'));
    const before = await project.quern('show', 'recipe.yaml', 'one');
    assert.is(before.code, 1);
    assert.match(before.stderr, /stage one has no result/);
    await project.build('recipe.yaml');
    interface Shown {
      readonly kind: string;
      readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
    }
    const shown = await project.json<Shown>('show', 'recipe.yaml', 'one');
    assert.is(shown.kind, 'probe');
    assert.equal(
      shown.files.map(({ path, sizeBytes }) => [path, sizeBytes]),
      [['out.txt', 5]],
    );
    const { stdout } = await project.quern('path', 'recipe.yaml', 'one');
    assert.is(readFileSync(join(stdout.trim(), 'out.txt'), 'utf8'), 'hello');
  }));

test.run();
