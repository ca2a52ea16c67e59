import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Project } from './support/project.js';
import { withProject } from './support/project.js';

const recipe = `quern: 1
stages:
  good: { kind: probe, id: good, metrics: { loss: 0.5 } }
  gated:
    kind: probe
    id: gated
    metrics: { loss: 0.04 }
    gates:
      loss: { max: 3% }
  bad: { kind: probe, id: bad, steps: [{ fail: "a: b, 100%" }] }
`;

function environment(project: Project): { readonly [name: string]: string } {
  return {
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: project.directory,
    GITHUB_STEP_SUMMARY: join(project.directory, 'summary.md'),
  };
}

const annotations = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('::'));

test('failed stages and missed gates are annotated where they stand in the recipe', () =>
  withProject(async (project) => {
    project.write('recipe.yaml', recipe);
    const outcome = await project.quernWith(environment(project), 'build', 'recipe.yaml', '-k', '-j', '1');
    assert.is(outcome.code, 1);
    const [gate, failure, ...more] = annotations(outcome.stderr);
    assert.match(
      gate ?? '',
      /^::error file=recipe\.yaml,line=9,col=13,.*title=gate missed by gated::loss max 3%25, but it is 0\.04$/,
    );
    assert.match(failure ?? '', /^::error file=recipe\.yaml,line=10,col=3,.*title=stage bad failed::.*a: b, 100%25/);
    assert.equal(more, []);
    const summary = readFileSync(join(project.directory, 'summary.md'), 'utf8');
    assert.match(summary, /^### quern build recipe\.yaml: failed in /);
    assert.match(summary, /\| gated \| loss max 3% \| 0\.04 \| \*\*missed\*\* \|/);
    await project.quernWith(environment(project), 'build', 'recipe.yaml', 'good');
    assert.is(readFileSync(join(project.directory, 'summary.md'), 'utf8').match(/^###/gm)?.length, 2);
  }));

test('problems of a recipe and of a call are annotated', () =>
  withProject(async (project) => {
    project.write('recipe.yaml', 'quern: 1\nstages:\n  one: { kind: probe, id: x, sizze: 1 }\n');
    for (const verb of ['build', 'validate']) {
      const outcome = await project.quernWith(environment(project), verb, 'recipe.yaml');
      assert.is(outcome.code, 2);
      assert.match(
        annotations(outcome.stderr).join(),
        /^::error file=recipe\.yaml,line=3,col=\d+,endColumn=\d+,title=quern recipe::.*sizze/,
      );
    }
    const call = await project.quernWith(environment(project), 'show', 'nothing.yaml', 'one');
    assert.match(annotations(call.stderr).join(), /^::error file=nothing\.yaml,title=quern recipe::/);
  }));

test('outside of GitHub Actions nothing of it appears', () =>
  withProject(async (project) => {
    project.write('recipe.yaml', recipe);
    const env = { ...environment(project), GITHUB_ACTIONS: '' };
    assert.equal(annotations((await project.quernWith(env, 'build', 'recipe.yaml')).stderr), []);
    assert.not.ok(existsSync(join(project.directory, 'summary.md')));
  }));

test('--junit writes stages and gates, in a directory that is made for it', () =>
  withProject(async (project) => {
    project.write('recipe.yaml', recipe);
    const outcome = await project.quern('build', 'recipe.yaml', '-k', '--junit', 'reports/junit.xml');
    assert.is(outcome.code, 1);
    const text = readFileSync(join(project.directory, 'reports/junit.xml'), 'utf8');
    assert.match(text, /<testsuite name="recipe\.yaml" tests="4" failures="1" errors="1" skipped="0"/);
    const refused = await project.quern('build', 'recipe.yaml', 'good', '--junit', 'recipe.yaml/junit.xml');
    assert.is(refused.code, 2);
    assert.match(refused.stderr, /--junit: recipe\.yaml\/junit\.xml can't be written/);
  }));

test('--frozen says what differs before anything runs', () =>
  withProject(async (project) => {
    project.write('input.txt', 'first');
    const stages = (text: string) => ({
      one: { steps: [{ write: { a: text } }] },
      two: { first: 'one', file: 'input.txt' },
    });
    project.writeProbes('recipe.yaml', stages('a'));
    await project.build('recipe.yaml');
    project.writeProbes('recipe.yaml', { ...stages('b'), fresh: {} });
    project.write('input.txt', 'second');
    const outcome = await project.quernWith(environment(project), 'build', 'recipe.yaml', '--frozen', '--json');
    assert.is(outcome.code, 4);
    assert.equal(project.runs, ['one', 'two']);
    const document: { status: string; differences: string[]; stages: { status: string }[] } = JSON.parse(
      outcome.stdout,
    );
    assert.is(document.status, 'failed');
    assert.equal(
      document.stages.map(({ status }) => status),
      ['skipped', 'skipped', 'skipped'],
    );
    assert.is(document.differences.length, 3);
    assert.match(document.differences[0] ?? '', /^stage one: locked [0-9a-f]{64}, found [0-9a-f]{64}$/);
    assert.match(document.differences[1] ?? '', /^source two\.file: locked sha256:\w+, found sha256:\w+$/);
    assert.match(document.differences[2] ?? '', /^stage fresh: locked nothing/);
    assert.match(
      annotations(outcome.stderr)[0] ?? '',
      /^::error file=recipe\.lock\.json,title=the lock file differs::/,
    );
  }));

test('--frozen accepts stages that measure, and refuses one that did not when it was locked', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { kind: 'measuring-probe' }, two: { kind: 'machine-probe' } });
    await project.build('recipe.yaml');
    assert.is((await project.quern('build', 'recipe.yaml', '--frozen')).code, 0);
    project.writeProbes('recipe.yaml', { one: {}, two: { kind: 'measuring-probe' } });
    const outcome = await project.quern('build', 'recipe.yaml', '--frozen');
    assert.is(outcome.code, 4);
    assert.match(outcome.stderr, /frozen: stage one: locked measured, but its kind does not measure/);
    assert.match(outcome.stderr, /frozen: stage two: locked [0-9a-f]{64}, but its kind measures/);
  }));

test('--frozen builds what is locked and not in the store, and compares what comes out', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { steps: [{ countRuns: 'runs.json' }] } });
    await project.build('recipe.yaml');
    const outcome = await project.quern('build', 'recipe.yaml', '--frozen', '--cache', 'other');
    assert.is(outcome.code, 4);
    assert.equal(project.runs, ['one', 'one']);
    assert.match(outcome.stderr, /frozen: stage one: locked .*, found /);
  }));

test.run();
