import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeTinyOpt } from '../support/tiny-opt.js';
import { type Project, withProject } from './support/project.js';
import { repository } from './support/quern.js';

const schemas = join(repository, 'schemas');
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });

const checked = new Set(['recipe']);

function checkDocument(name: string, text: string): void {
  checked.add(name);
  const validate =
    ajv.getSchema(`urn:quern:schema:${name}:1`) ??
    ajv.compile(JSON.parse(readFileSync(join(schemas, `${name}.schema.json`), 'utf8')));
  if (!validate(JSON.parse(text))) throw new Error(`${name}: ${ajv.errorsText(validate.errors)}\n${text}`);
}

/** A small model in a directory, and the same quantized. */
async function buildTinyModel(project: Project): Promise<string> {
  writeTinyOpt(join(project.directory, 'model'));
  const stages = [
    'float: { kind: load, source: ./model }',
    'int8: { kind: quantize, model: float, rules: [{ match: {}, scheme: w8a8 }] }',
  ];
  project.write('model.yaml', `quern: 1\nstages:\n${stages.map((stage) => `  ${stage}\n`).join('')}`);
  await project.build('model.yaml');
  return (await project.quern('path', 'model.yaml', 'float')).stdout.trim();
}

test('every published schema is named after its file and valid', () => {
  for (const file of readdirSync(schemas)) {
    const name = basename(file, '.schema.json');
    const schema: { readonly $id: string } = JSON.parse(readFileSync(join(schemas, file), 'utf8'));
    assert.is(schema.$id, `urn:quern:schema:${name}:1`);
    assert.ok(new Ajv2020({ strict: false }).validateSchema(schema), name);
  }
});

test('a schema refuses a document with an unknown or a missing member', () => {
  assert.throws(() => checkDocument('path', '{"name":"a","digest":"sha256:0","path":"p"}'), /pattern/);
  assert.throws(() => checkDocument('path', '{"name":"a","path":"p"}'), /required/);
  assert.throws(() => checkDocument('log', '{"recipe":"r","stage":"s","status":"built","more":1}'), /must/);
});

test('what --json prints follows the schemas', () =>
  withProject(async (project) => {
    const document = async (name: string, ...call: string[]): Promise<void> =>
      checkDocument(name, (await project.quern(...call, '--json')).stdout);
    project.write('input.txt', 'text');
    project.write('broken.yaml', 'quern: 1\nstages:\n  one: { kind: probe, sizze: 1 }\n');
    const stages = (loss: number) => ({
      one: {
        file: 'input.txt',
        metrics: { loss },
        gates: { loss: { max: 1 } },
        steps: [{ write: { 'a.json': String(loss) } }],
      },
      two: { first: 'one', steps: [{ log: 'line' }] },
      three: { first: 'one', steps: [{ log: 'line' }, { fail: 'no' }] },
      measured: { kind: 'measuring-probe' },
      four: { first: 'three' },
    });
    project.writeProbes('recipe.yaml', stages(0.5));
    await document('plan', 'plan', 'recipe.yaml');
    await document('why', 'why', 'recipe.yaml', 'four');
    await document('status', 'status', 'recipe.yaml');
    await document('check', 'check', 'recipe.yaml');
    await document('build', 'build', 'recipe.yaml', '-k');
    project.writeProbes('recipe.yaml', stages(2));
    await document('plan', 'build', 'recipe.yaml', '-n');
    await document('why', 'why', 'recipe.yaml', 'two');
    await document('build', 'build', 'recipe.yaml', '-k', '--frozen');
    await document('build', 'build', 'recipe.yaml', '-k');
    for (const verb of ['status', 'graph', 'history']) await document(verb, verb, 'recipe.yaml');
    for (const verb of ['show', 'path', 'why', 'log']) await document(verb, verb, 'recipe.yaml', 'two');
    await document('log', 'log', 'recipe.yaml', 'three');
    await document('check', 'check', 'recipe.yaml', 'one', 'measured');
    const [before = '', after = ''] = readdirSync(join(project.cache, 'runs'));
    await document('diff', 'diff', before, after);
    await document('diff', 'diff', 'recipe.yaml:one', 'recipe.yaml:two');
    await document('validate', 'validate', 'recipe.yaml', 'broken.yaml', 'missing.yaml');
    await document('inspect', 'inspect', join(repository, 'recipes/models/opt-wren-4m'));
    const model = await buildTinyModel(project);
    await document('diff', 'diff', 'model.yaml:float', 'model.yaml:int8');
    await document('inspect', 'inspect', (await project.quern('path', 'model.yaml', 'int8')).stdout.trim());
    const drawn = ['--temperature', '1', '--top-k', '5', '--top-p', '0.9', '--max-tokens', '3'];
    await document('generate', 'generate', model, '--prompt', 'The');
    await document('generate', 'generate', model, '--prompt', 'The', ...drawn);
    await document('generate', 'generate', model, '--prompt', 'The', '--draft', model);
    const bench = [
      '--prompt-lengths',
      '4,100',
      '--new-tokens',
      '2',
      '--repeats',
      '1',
      '--threads',
      '1',
      '--spin',
      '--devices',
      'npu:stx,cpu',
    ];
    await document('bench', 'bench', model, ...bench);
    await document('devices', 'devices');
    await document('device-plan', 'devices', 'npu:stx', '--plan', '8x2048x2048');
    await document('cache-pins', 'cache', 'pin', 'recipe.yaml', 'one');
    await document('cache-pins', 'cache', 'pin', '--list');
    await document('cache-pins', 'cache', 'unpin', 'recipe.yaml');
    await document('cache-gc', 'cache', 'gc', '--max-size', '1KiB', '--dry-run');
    for (const verb of ['ls', 'du', 'verify']) await document(`cache-${verb}`, 'cache', verb);
    checkDocument('lock', readFileSync(join(project.directory, 'recipe.lock.json'), 'utf8'));
    assert.equal(
      readdirSync(schemas).filter((file) => !checked.has(basename(file, '.schema.json'))),
      [],
    );
  }));

test.run();
