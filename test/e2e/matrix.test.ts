import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Project } from './support/project.js';
import { statuses, withProject } from './support/project.js';

const variants = ['[bits=4,group=32]', '[bits=4,group=64]', '[bits=3,group=32]', '[bits=3,group=64]'];

/** `grid` has four variants, `each` goes along with it, `all` gathers them. */
function writeGrid(project: Project, bits = '[4, 3]'): void {
  project.write(
    'recipe.yaml',
    `quern: 1
vars: { bits: ${bits} }
stages:
  base: { kind: probe, id: base, steps: [{ write: { f: x } }] }
  grid:
    kind: probe
    first: base
    matrix: { bits: "\${bits}", group: [32, 64] }
    id: "grid-\${matrix.bits}-\${matrix.group}"
    steps: [{ write: { f: "\${matrix.bits}/\${matrix.group}" } }]
  each: { kind: probe, id: "each-\${matrix.bits}-\${matrix.group}", first: grid, second: base, steps: [{ gather: all.txt }] }
  all: { kind: probe, id: all, of: [each], steps: [{ gather: all.txt }] }
`,
  );
}

test('all variants are built, locked and gathered under their names, and each is cached on its own', () =>
  withProject(async (project) => {
    writeGrid(project);
    const names = ['base', ...variants.map((one) => `grid${one}`), ...variants.map((one) => `each${one}`), 'all'];
    const first = statuses(await project.build('recipe.yaml'));
    assert.equal(first, Object.fromEntries(names.map((name) => [name, 'built'])));
    const lock = readFileSync(join(project.directory, 'recipe.lock.json'), 'utf8');
    for (const name of names) assert.match(lock, `"${name}": {"key"`);
    const { stdout } = await project.quern('path', 'recipe.yaml', 'all');
    const gathered = readFileSync(join(stdout.trim(), 'all.txt'), 'utf8');
    assert.equal(
      [...gathered.matchAll(/(of\.\d)\/all\.txt: first\/f: (.*)/g)].map(([, input, text]) => `${input} ${text}`),
      ['of.0 4/32', 'of.1 4/64', 'of.2 3/32', 'of.3 3/64'],
    );

    writeGrid(project, '[3, 2]');
    const second = statuses(await project.build('recipe.yaml'));
    assert.is(second['grid[bits=3,group=64]'], 'cached');
    assert.is(second['each[bits=3,group=64]'], 'cached');
    assert.is(second['grid[bits=2,group=64]'], 'built');
    assert.is(second.all, 'built');
    assert.is(Object.keys(second).length, names.length);
  }));

test('stages are chosen by name, by values and by pattern', () =>
  withProject(async (project) => {
    writeGrid(project);
    const chosen = async (...patterns: string[]): Promise<readonly string[]> => {
      interface Plan {
        readonly stages: readonly { readonly name: string }[];
      }
      const plan = await project.json<Plan>('plan', 'recipe.yaml', ...patterns);
      return plan.stages.map(({ name }) => name);
    };
    assert.equal(await chosen('grid'), ['base', ...variants.map((one) => `grid${one}`)]);
    assert.equal(await chosen('grid[bits=4*'), ['base', 'grid[bits=4,group=32]', 'grid[bits=4,group=64]']);
    assert.equal(await chosen('grid[group=64]'), ['base', 'grid[bits=4,group=64]', 'grid[bits=3,group=64]']);
    assert.equal(await chosen('grid[bits=3,group=32]', 'base'), ['base', 'grid[bits=3,group=32]']);
    const unknown = await project.quern('build', 'recipe.yaml', 'grdi');
    assert.is(unknown.code, 2);
    assert.match(unknown.stderr, /has no stage `grdi`\n {2}did you mean `grid`\?/);
    const several = await project.quern('show', 'recipe.yaml', 'grid');
    assert.is(several.code, 2);
    assert.match(
      several.stderr,
      /`grid` stands for 4 stages, and one is needed\n {2}name one of grid\[bits=4,group=32\]/,
    );
  }));

test('--set changes a matrix, and --force takes a pattern', () =>
  withProject(async (project) => {
    writeGrid(project);
    const built = await project.build('recipe.yaml', 'grid', '--set', 'bits=[8]');
    assert.equal(Object.keys(statuses(built)), ['base', 'grid[bits=8,group=32]', 'grid[bits=8,group=64]']);
    const forced = await project.build('recipe.yaml', 'grid', '--set', 'bits=[8]', '--force=grid[group=64]');
    assert.equal(Object.values(statuses(forced)), ['cached', 'cached', 'built']);
  }));

test('why points at the value of the matrix that changed', () =>
  withProject(async (project) => {
    const recipe = (size: number): string => `quern: 1
stages:
  one:
    kind: probe
    id: a
    metrics: { size: "\${matrix.size}", other: ${size} }
    matrix: { size: [7] }
`;
    project.write('recipe.yaml', recipe(1));
    await project.build('recipe.yaml');
    project.write('recipe.yaml', recipe(2));
    const why = await project.quern('why', 'recipe.yaml', 'one');
    assert.match(why.stdout, /metrics\.other 1 -> 2 {3}recipe\.yaml:6\n/);
  }));

test('paths of a base start at the base, and why and errors point into it', () =>
  withProject(async (project) => {
    mkdirSync(join(project.directory, 'deep'));
    project.write('deep/input.txt', 'in');
    const base = (size: number): string => `quern: 1
stages:
  one: { kind: probe, id: a, file: input.txt, to: out, metrics: { size: ${size} }, steps: [{ write: { f: x } }] }
`;
    project.write('deep/base.yaml', base(1));
    project.write(
      'recipe.yaml',
      'quern: 1\nextends: ./deep/base.yaml\nstages: { two: { kind: probe, id: b, first: one } }\n',
    );
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'built', two: 'built' });
    assert.is(readFileSync(join(project.directory, 'deep/out/f'), 'utf8'), 'x');
    project.write('deep/base.yaml', base(2));
    const why = await project.quern('why', 'recipe.yaml', 'one');
    assert.match(why.stdout, /metrics\.size 1 -> 2 {3}deep\/base\.yaml:3\n/);

    project.write('deep/base.yaml', base(2).replace('input.txt', 'nowhere.txt'));
    const missing = await project.quern('build', 'recipe.yaml');
    assert.is(missing.code, 2);
    assert.match(missing.stderr, /deep\/base\.yaml:3:36 error: nowhere\.txt does not exist\n.*\n.*\n> {2}3 \| {3}one:/);
  }));

test('validate --json gives the range of each problem, in its own file', () =>
  withProject(async (project) => {
    project.write('base.yaml', 'quern: 1\nstages: { one: { kind: prob, id: a } }\n');
    project.write(
      'recipe.yaml',
      'quern: 1\nextends: ./base.yaml\nstages: { two: { kind: probe, id: b, frist: one } }\n',
    );
    interface Validation {
      readonly valid: boolean;
      readonly recipes: readonly { readonly diagnostics: readonly { readonly location: object }[] }[];
    }
    const { valid, recipes } = await project.json<Validation>('validate', 'recipe.yaml');
    assert.not(valid);
    assert.equal(
      recipes[0]?.diagnostics.map(({ location }) => location),
      [
        { file: 'recipe.yaml', line: 3, column: 38, length: 5, end: { line: 3, column: 43 } },
        { file: 'base.yaml', line: 2, column: 24, length: 4, end: { line: 2, column: 28 } },
      ],
    );
  }));

test.run();
