import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withProject } from './support/project.js';

interface Check {
  readonly status: string;
  readonly stages: readonly {
    readonly name: string;
    readonly status: string;
    readonly difference?: string;
    readonly reason?: string;
    readonly error?: { readonly message: string };
  }[];
}

test('what comes out the same is identical, and the store stays as it is', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      one: { steps: [{ write: { 'out.txt': 'a' } }] },
      two: { first: 'one', steps: [{ gather: 'all.txt' }] },
    });
    await project.build('recipe.yaml');
    const before = await project.json('show', 'recipe.yaml', 'two');
    const outcome = await project.quern('check', 'recipe.yaml');
    assert.is(outcome.code, 0);
    assert.match(outcome.stdout, /^one {3}probe {2}identical, bit for bit\ntwo {3}probe {2}identical, bit for bit\n$/m);
    assert.equal(project.runs, ['one', 'two', 'one', 'two']);
    assert.equal(await project.json('show', 'recipe.yaml', 'two'), before);
    assert.equal(readdirSync(join(project.cache, 'tmp')), []);
  }));

test('a difference is named, makes the exit code 5, and nothing of the new result is kept', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { steps: [{ countRuns: 'runs.json' }] }, two: { first: 'one' } });
    const built = await project.build('recipe.yaml');
    const outcome = await project.quern('check', 'recipe.yaml', 'one', '--json');
    assert.is(outcome.code, 5);
    const document: Check = JSON.parse(outcome.stdout);
    assert.is(document.status, 'differs');
    assert.equal(document.stages, [
      { name: 'one', kind: 'probe', status: 'differs', difference: 'runs.json/runs is 3 instead of 1', tolerance: 0 },
    ]);
    const again = await project.build('recipe.yaml');
    assert.equal(
      again.stages.map(({ status, digest }) => [status, digest]),
      built.stages.map(({ digest }) => ['cached', digest]),
    );
  }));

test('kinds that measure or depend on the machine are compared within their tolerance, or not at all', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      near: { kind: 'measuring-probe', steps: [{ countRuns: 'runs.json' }] },
      unknown: { kind: 'machine-probe', steps: [{ countRuns: 'runs.json' }] },
    });
    await project.build('recipe.yaml', '-j', '1');
    const outcome = await project.quern('check', 'recipe.yaml', '--json');
    assert.is(outcome.code, 0);
    const document: Check = JSON.parse(outcome.stdout);
    assert.equal(
      document.stages.map(({ name, status }) => [name, status]),
      [
        ['near', 'within-tolerance'],
        ['unknown', 'not-comparable'],
      ],
    );
    assert.match(document.stages[1]?.reason ?? '', /depends on the machine and states no tolerance/);
    const text = await project.quern('check', 'recipe.yaml', 'near');
    assert.is(text.code, 5);
    assert.match(text.stdout, /DIFFERS by more than 0\.7: runs\.json\/runs is 4 instead of 1/);
  }));

test('a stage without a result, and one that fails now, make the exit code 1', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { steps: [{ failIf: 'broken' }] } });
    const before = await project.quern('check', 'recipe.yaml', '--json');
    assert.is(before.code, 1);
    assert.is((JSON.parse(before.stdout) as Check).stages[0]?.status, 'missing');
    await project.build('recipe.yaml');
    writeFileSync(project.signal('broken'), '');
    const after = await project.quern('check', 'recipe.yaml', '--json');
    assert.is(after.code, 1);
    const [stage] = (JSON.parse(after.stdout) as Check).stages;
    assert.is(stage?.status, 'failed');
    assert.match(stage?.error?.message ?? '', /there is broken/);
    assert.is((await project.quern('check', 'recipe.yaml', 'nothing')).code, 2);
  }));

test.run();
