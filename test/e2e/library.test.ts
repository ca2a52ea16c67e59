import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BuildEvent, Recipe } from '../../src/index.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { quern, repository } from './support/quern.js';

/** The package as others import it. */
const library: typeof import('../../src/index.js') = await import(
  pathToFileURL(join(repository, 'dist/index.js')).href
);
const example = join(repository, 'docs/examples/word-count');

/** A copy of the example, which finds the package by its name, as an installed one would. */
function withExample(use: (directory: string) => Promise<void>): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    cpSync(example, directory, { recursive: true });
    const kind = join(directory, 'word-count-kind.mjs');
    const entry = pathToFileURL(join(repository, 'dist/index.js')).href;
    for (const file of [kind, join(directory, 'build.mjs')]) {
      writeFileSync(file, readFileSync(file, 'utf8').replace("from 'quern'", `from '${entry}'`));
    }
    await use(directory);
  });
}

async function load(file: string): Promise<Recipe> {
  const loaded = await library.loadRecipe(file);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  return loaded.recipe;
}

test('the example is built, cached and checked by the command line', () =>
  withExample(async (cwd) => {
    const run = (...call: string[]) => quern([...call, 'recipe.yaml', '--cache', 'store'], { cwd });
    const first = await run('build');
    assert.is(first.code, 0, first.stderr);
    assert.match(first.stderr, /words {2}word-count {2}26 words, 19 of them different {2}\d/);
    assert.match((await run('build')).stderr, /different {2}\(cached\)/);
    assert.match((await run('check')).stdout, /identical, bit for bit/);
  }));

test('a recipe is built with events, planned, and its artifact read', () =>
  withExample(async (directory) => {
    const recipe = await load(join(directory, 'recipe.yaml'));
    const options = { cacheDirectory: join(directory, 'store') };
    const events: BuildEvent[] = [];
    const [before] = await library.plan(recipe, options);
    assert.is(before?.plan.state, 'run');
    const result = await library.build(recipe, { ...options, onEvent: (event) => events.push(event) });
    assert.is(result.status, 'ok');
    assert.equal(
      events.map(({ type }) => type),
      ['build-started', 'stage-started', 'stage-log', 'stage-ended', 'build-ended'],
    );
    const directoryOfWords = await library.artifactDirectory(recipe, result.stages[0]?.digest ?? '', options);
    const words: { readonly wren?: number } = JSON.parse(readFileSync(join(directoryOfWords, 'words.json'), 'utf8'));
    assert.is(words.wren, 3);
    const [after] = await library.plan(recipe, options);
    assert.is(after?.plan.state, 'cached');
    assert.is((await library.build(recipe, options)).stages[0]?.status, 'cached');
    assert.is((await library.build(recipe, { ...options, force: ['words'] })).stages[0]?.status, 'built');
    assert.match(readFileSync(join(directory, 'recipe.lock.json'), 'utf8'), /"words"/);
  }));

test('problems are diagnostics and QuernErrors', async () => {
  const missing = await library.loadRecipe('nothing.yaml');
  assert.not.ok(missing.ok);
  if (!missing.ok) assert.match(missing.diagnostics[0]?.message ?? '', /no such file/);
});

test('a stage that is not there is answered with the nearest', () =>
  withExample(async (directory) => {
    const recipe = await load(join(directory, 'recipe.yaml'));
    try {
      await library.build(recipe, { stages: ['word'], cacheDirectory: join(directory, 'store') });
      assert.unreachable();
    } catch (error) {
      assert.instance(error, library.QuernError);
      if (error instanceof library.QuernError) assert.is(error.suggestion, 'did you mean `words`?');
    }
  }));

test('the program of the example prints the words', () =>
  withExample(async (directory) => {
    const output = execFileSync(process.execPath, [join(directory, 'build.mjs')], { cwd: directory, encoding: 'utf8' });
    assert.match(output, /^words: 26 words, 19 of them different\n\{\n/);
  }));

// The last test: what is registered stays so.
test('a kind that is registered in a program is known to recipes and to action processes', () =>
  withTemporaryDirectory(async (directory) => {
    for (const name of ['recipe.yaml', 'poem.txt']) cpSync(join(example, name), join(directory, name));
    const file = join(directory, 'recipe.yaml');
    const unknown = await library.loadRecipe(file);
    assert.not.ok(unknown.ok);
    library.registerStageKind(pathToFileURL(join(example, 'word-count-kind.mjs')));
    const result = await library.build(await load(file), { cacheDirectory: join(directory, 'store') });
    assert.is(result.status, 'ok');
  }));

test.run();
