import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withProject } from './support/project.js';

const diamond = (steps: readonly object[] = []) => ({
  top: { steps: [{ write: { 'a.txt': 'a' } }] },
  left: { first: 'top', steps: [{ gather: 'left.txt' }, ...steps] },
  right: { first: 'top', steps: [{ gather: 'right.txt' }] },
  bottom: { first: 'left', second: 'right', steps: [{ gather: 'bottom.txt' }] },
});

interface Graph {
  readonly nodes: readonly { readonly name: string; readonly state: string }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly parameter: string }[];
}

const states = ({ nodes }: Graph): string[] => nodes.map(({ name, state }) => `${name} ${state}`);

test('graph tells what is cached, to build, waits, and failed last time', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', diamond([{ fail: 'no' }]));
    const before = await project.json<Graph>('graph', 'recipe.yaml');
    assert.equal(states(before), ['top build', 'left waits', 'right waits', 'bottom waits']);
    assert.equal(before.edges.at(-1), { from: 'right', to: 'bottom', parameter: 'second' });
    assert.is((await project.quern('build', 'recipe.yaml', '-k')).code, 1);
    assert.equal(states(await project.json<Graph>('graph', 'recipe.yaml')), [
      'top cached',
      'left failed',
      'right cached',
      'bottom waits',
    ]);
    const texts = await Promise.all(
      ['mermaid', 'dot', 'svg'].map((format) => project.quern('graph', 'recipe.yaml', '--format', format)),
    );
    assert.match(texts[0]?.stdout ?? '', /^flowchart LR\n/);
    assert.match(texts[1]?.stdout ?? '', /^digraph recipe \{\n/);
    assert.match(texts[2]?.stdout ?? '', /^<svg [\s\S]*probe, failed last time[\s\S]*<\/svg>\n$/);
    assert.is((await project.quern('graph', 'recipe.yaml', '--format', 'png')).code, 2);
  }));

test('log replays what a stage printed, also when it failed', () =>
  withProject(async (project) => {
    const recipe = (steps: readonly object[]) => ({ one: { steps: [{ log: 'first' }, { log: 'second' }, ...steps] } });
    project.writeProbes('recipe.yaml', recipe([]));
    assert.match((await project.quern('log', 'recipe.yaml', 'one')).stderr, /has no result .* and did not fail/);
    await project.build('recipe.yaml');
    const built = await project.quern('log', 'recipe.yaml', 'one');
    assert.equal([built.code, built.stdout], [0, 'first\nsecond\n']);
    project.writeProbes('recipe.yaml', recipe([{ log: 'third' }, { fail: 'no luck' }]));
    await project.quern('build', 'recipe.yaml');
    const failed = await project.quern('log', 'recipe.yaml', 'one');
    assert.is(failed.stdout, 'first\nsecond\nthird\n');
    assert.match(failed.stderr, /^failed: .*no luck/);
    project.writeProbes('quiet.yaml', { one: { id: 'quiet' } });
    await project.build('quiet.yaml');
    const quiet = await project.quern('log', 'quiet.yaml', 'one');
    assert.equal([quiet.stdout, quiet.stderr], ['', 'one printed nothing.\n']);
  }));

interface History {
  readonly runs: readonly {
    readonly id: string;
    readonly status: string;
    readonly stages: readonly { readonly name: string; readonly status: string }[];
  }[];
}

test('history lists the builds of a recipe that ran something, and diff compares two of them', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { metrics: { loss: 1 } }, two: { first: 'one' }, same: {} });
    project.writeProbes('other.yaml', { other: {} });
    assert.match((await project.quern('history', 'recipe.yaml')).stdout, /has not been built yet/);
    await project.build('recipe.yaml');
    await project.build('recipe.yaml');
    await project.build('other.yaml');
    project.writeProbes('recipe.yaml', {
      one: { metrics: { loss: 2 }, steps: [{ write: { f: 'x' } }] },
      same: {},
      three: { steps: [{ fail: 'no' }] },
    });
    await project.quern('build', 'recipe.yaml', '-k');
    const { runs } = await project.json<History>('history', 'recipe.yaml');
    assert.equal(
      runs.map(({ status }) => status),
      ['failed', 'ok'],
    );
    const [last, first] = runs.map(({ id }) => id);
    const text = await project.quern('history', 'recipe.yaml', '--limit', '1');
    assert.match(text.stdout, /failed .*1 built \(one\), 1 cached, 1 failed \(three\)/);
    interface RunDiff {
      readonly added: readonly string[];
      readonly removed: readonly string[];
      readonly unchanged: number;
      readonly changed: readonly {
        readonly name: string;
        readonly digestBefore: string;
        readonly digestAfter: string;
        readonly reasons: readonly { readonly field: string }[];
        readonly metrics: readonly object[];
      }[];
    }
    const diff = await project.json<RunDiff>('diff', first ?? '', last ?? '');
    assert.equal([diff.added, diff.removed, diff.unchanged], [['three'], ['two'], 1]);
    assert.is(diff.changed.length, 1);
    assert.is(diff.changed[0]?.name, 'one');
    const { digestBefore = '', digestAfter = '' } = diff.changed[0] ?? {};
    assert.match((await project.quern('diff', digestBefore, digestAfter)).stdout, /^\+ f\n$/);
    assert.equal(
      diff.changed[0]?.reasons.map(({ field }) => field),
      ['parameters.metrics.loss', 'parameters.steps[0]'],
    );
    assert.equal(diff.changed[0]?.metrics, [{ metric: 'loss', before: 1, after: 2 }]);
    const shown = await project.quern('diff', first ?? '', last ?? '');
    assert.match(shown.stdout, /~ one: another artifact, built -> built/);
    assert.match(shown.stdout, /metric loss 1 -> 2/);
  }));

test('a build that was killed is unfinished in the history, and a damaged log is left out', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: {} });
    await project.build('recipe.yaml');
    const [id = ''] = readdirSync(join(project.cache, 'runs'));
    const started = {
      type: 'build-started',
      recipe: 'recipe.yaml',
      recipePath: join(project.directory, 'recipe.yaml'),
    };
    const runs = (name: string, text: string): void => {
      mkdirSync(join(project.cache, 'runs', name));
      writeFileSync(join(project.cache, 'runs', name, 'events.jsonl'), text);
    };
    runs('2000-killed', `${JSON.stringify({ time: '2000-01-01T00:00:00.000Z', ...started })}\n{"type":"stage-en`);
    runs('2001-damaged', 'nothing\n[1]\n{"type":"build-started"}\n');
    const history = await project.json<History>('history', 'recipe.yaml');
    assert.equal(
      history.runs.map(({ id, status }) => [id, status]),
      [
        [id, 'ok'],
        ['2000-killed', 'unfinished'],
      ],
    );
  }));

interface ArtifactDiff {
  readonly identical: boolean;
  readonly files: { readonly added: readonly string[]; readonly changed: readonly { readonly path: string }[] };
}

test('diff compares two stages, and a stage with a directory', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', {
      one: { steps: [{ write: { 'a.txt': 'a', 'b.txt': 'b' } }] },
      two: { steps: [{ write: { 'a.txt': 'a', 'b.txt': 'other', 'c.txt': 'c' } }], to: 'exported' },
    });
    await project.build('recipe.yaml');
    const stages = await project.json<ArtifactDiff>('diff', 'recipe.yaml:one', 'recipe.yaml:two');
    assert.equal([stages.files.added, stages.files.changed.map(({ path }) => path)], [['c.txt'], ['b.txt']]);
    mkdirSync(join(project.directory, 'copy'));
    writeFileSync(join(project.directory, 'copy/a.txt'), 'a');
    writeFileSync(join(project.directory, 'copy/b.txt'), 'b');
    assert.ok((await project.json<ArtifactDiff>('diff', 'recipe.yaml:one', 'copy')).identical);
    const text = await project.quern('diff', 'recipe.yaml:one', 'recipe.yaml:two');
    assert.equal([text.code, text.stdout], [0, '+ c.txt\n~ b.txt (1 B -> 5 B)\n']);
  }));

test('diff says what it does not know', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: {} });
    await project.build('recipe.yaml');
    const [id = ''] = readdirSync(join(project.cache, 'runs'));
    const near = await project.quern('diff', id.slice(0, -1), 'recipe.yaml:one');
    assert.is(near.code, 2);
    assert.ok(near.stderr.includes(`did you mean \`${id}\`?`), near.stderr);
    const mixed = await project.quern('diff', id, 'recipe.yaml:one');
    assert.is(mixed.code, 2);
    assert.match(mixed.stderr, /is a run and recipe\.yaml:one is an artifact/);
    const stage = await project.quern('diff', 'recipe.yaml:onne', 'recipe.yaml:one');
    assert.match(stage.stderr, /did you mean `one`\?/);
  }));

test.run();
