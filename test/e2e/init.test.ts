import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withProject } from './support/project.js';

test('a recipe is written that is valid, with the next command', () =>
  withProject(async (project) => {
    const outcome = await project.quern('init', 'opt');
    assert.is(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /Wrote quern\.yaml from the template opt\./);
    assert.match(outcome.stdout, /\.\/model does not exist/);
    assert.match(outcome.stdout, /Next: quern build quern\.yaml\n$/);
    assert.is((await project.quern('validate', 'quern.yaml')).code, 0);
    const text = readFileSync(join(project.directory, 'quern.yaml'), 'utf8');
    assert.match(text, /^quern: 1\n/);
    assert.match(text, /# How far SmoothQuant/);
  }));

test('--set fills in variables, --output names the file', () =>
  withProject(async (project) => {
    const call = ['init', 'opt', '--output', 'recipes/mine.yaml', '--set', 'model=./a: b', '--set', 'alpha=0.7'];
    interface Document {
      readonly recipe: string;
      readonly missing: readonly string[];
      readonly next: string;
    }
    const document = await project.json<Document>(...call);
    assert.is(document.recipe, 'recipes/mine.yaml');
    assert.is(document.missing[0], './a: b does not exist');
    assert.is(document.next, 'quern build recipes/mine.yaml');
    const text = readFileSync(join(project.directory, 'recipes/mine.yaml'), 'utf8');
    assert.match(text, '\n  model: "./a: b"\n');
    assert.match(text, '\n  alpha: 0.7\n');
  }));

test('a file is never overwritten', () =>
  withProject(async (project) => {
    const file = project.write('quern.yaml', 'mine');
    const outcome = await project.quern('init', 'opt');
    assert.is(outcome.code, 2);
    assert.match(outcome.stderr, /quern\.yaml exists already\n {2}choose another name with --output/);
    assert.is(readFileSync(file, 'utf8'), 'mine');
    rmSync(file);
    assert.is((await project.quern('init', 'opt')).code, 0);
  }));

test('wrong calls write nothing', () =>
  withProject(async (project) => {
    const calls: readonly (readonly [call: readonly string[], says: RegExp])[] = [
      [['init'], /no template is given\n {2}templates are llama, .*opt/],
      [['init', 'otp'], /no template `otp`\n {2}did you mean `opt`\? templates are llama, .*opt/],
      [['init', '../../package'], /no template/],
      [['init', 'opt', '--set', 'modle=x'], /no variable `modle`\n {2}did you mean `model`\?/],
      [['init', 'opt', '--set', 'model=[x'], /the value of `model` is wrong: a list in \[ \] is not closed/],
      [['init', 'opt', '--set', 'alpha=7'], /`alpha` must be a number between 0 and 1/],
    ];
    for (const [call, says] of calls) {
      const outcome = await project.quern(...call);
      assert.is(outcome.code, 2, call.join(' '));
      assert.match(outcome.stderr, says);
    }
    assert.not(existsSync(join(project.directory, 'quern.yaml')));
  }));

test.run();
