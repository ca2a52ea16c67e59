import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeTinyOpt } from '../support/tiny-opt.js';
import { type Project, statuses, withProject } from './support/project.js';
import { repository } from './support/quern.js';

const example = join(repository, 'docs/examples/my-device.mjs');

/** A recipe that runs a tiny model on devices given in YAML. */
function writeRecipe(project: Project, devices: string, rest = ''): void {
  project.write(
    'recipe.yaml',
    `quern: 1
stages:
  float: { kind: load, source: ./model }
  run: { kind: run, model: float, devices: ${devices}, prompts: [What is a poem?], maxLength: 16, ignoreEos: true${rest} }
`,
  );
}

async function answers(project: Project): Promise<{ readonly answers: string; readonly text: string }> {
  const { stdout } = await project.quern('path', 'recipe.yaml', 'run');
  const text = readFileSync(join(stdout.trim(), 'report.json'), 'utf8');
  return { answers: JSON.stringify(JSON.parse(text).answers), text };
}

test('a driver of the recipe runs the model, and is part of the key by its content', () =>
  withProject(async (project) => {
    writeTinyOpt(join(project.directory, 'model'));
    writeRecipe(project, '[cpu]');
    await project.build('recipe.yaml');
    const onCpu = await answers(project);

    copyFileSync(example, join(project.directory, 'my-device.mjs'));
    writeRecipe(project, '[{ plugin: ./my-device.mjs }, cpu]');
    const first = await project.build('recipe.yaml');
    assert.is(first.status, 'ok', JSON.stringify(first.stages.map(({ error }) => error)));
    const { metrics } = first.stages.find(({ name }) => name === 'run')!;
    assert.equal([metrics.device, metrics.offloadedOperators, metrics.npuCoverage], ['plugin:my-device', 13, 1]);
    assert.is(metrics.deviceFaults, undefined);
    assert.is((await answers(project)).answers, onCpu.answers);

    assert.equal(statuses(await project.build('recipe.yaml')), { float: 'cached', run: 'cached' });
    const source = readFileSync(example, 'utf8');
    project.write('my-device.mjs', source.replace('run({', 'run: async ({').replace('output }) {', 'output }) => {'));
    assert.equal(statuses(await project.build('recipe.yaml')), { float: 'cached', run: 'built' });
  }));

test('a driver that hangs in the middle costs its time limit, a warning and nothing else', () =>
  withProject(async (project) => {
    writeTinyOpt(join(project.directory, 'model'));
    writeRecipe(project, '[cpu]');
    await project.build('recipe.yaml');
    const onCpu = await answers(project);

    project.write(
      'hangs.mjs',
      `import example from ${JSON.stringify(example)};
let calls = 0;
export default { ...example, run(...call) { while (++calls > 40); return example.run(...call); } };`,
    );
    writeRecipe(project, '[{ plugin: ./hangs.mjs, timeoutMs: 500 }, cpu]');
    const built = await project.build('recipe.yaml');
    assert.is(built.status, 'ok', JSON.stringify(built.stages.map(({ error }) => error)));
    assert.is(built.stages.find(({ name }) => name === 'run')?.metrics.deviceFaults, 13);
    const report = await answers(project);
    assert.is(report.answers, onCpu.answers);
    assert.match(report.text, /"message": "it was stopped, because it did not answer within 500 ms"/);

    writeRecipe(project, '[{ plugin: ./hangs.mjs, timeoutMs: 500 }, cpu]', ', strict: true');
    const failed = await project.build('recipe.yaml');
    const message = failed.stages.find(({ name }) => name === 'run')?.error?.message ?? '';
    assert.is(failed.status, 'failed');
    assert.match(message, /plugin:hangs failed at [\w.]+: it was stopped, because it did not answer within 500 ms/);
  }));

test('devices that are described wrongly, or are not there, are mistakes of the recipe', () =>
  withProject(async (project) => {
    writeTinyOpt(join(project.directory, 'model'));
    for (const [devices, expected] of [
      ['[{ plugin: ./missing.mjs }]', /recipe\.yaml:4:\d+ error: \.\/missing\.mjs does not exist/],
      ['[{ ep: { library: ./missing.so, name: X } }]', /\.\/missing\.so does not exist/],
      ['[{ ep: webgpv }]', /recipe\.yaml:4:\d+ error: .*webgpv|did you mean `webgpu`/],
      ['[{ npu: stx, requantizeScale: 32 }]', /`requantizeScale` is of `legacy: int16`/],
      [
        '[{ ep: { library: ./model/config.json, name: X }, options: { a: b } }]',
        /the options of a library stand inside `ep`/,
      ],
    ] as const) {
      writeRecipe(project, devices);
      const { code, stderr } = await project.quern('build', 'recipe.yaml');
      assert.is(code, 2, stderr);
      assert.match(stderr, expected);
    }
    writeRecipe(project, '[{ ep: { library: ./model/config.json, name: X } }, cpu]');
    const { code, stdout, stderr } = await project.quern('build', 'recipe.yaml');
    assert.is(code, 1);
    assert.match(stdout + stderr, /ep:X can't be used: the execution provider X can't be loaded/);
  }));

test.run();
