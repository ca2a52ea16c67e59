import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { isJsonObject } from '../../src/json.js';
import { writeRandomCheckpoint } from '../support/random-checkpoint.js';
import { llama27bConfig, opt13bConfig } from '../support/real-configs.js';
import { type BuildDocument, type Project, withProject } from './support/project.js';
import { repository } from './support/quern.js';

const recipes = join(repository, 'recipes');
const text = join(recipes, 'data/calibration.txt');

/** Two layers of the width that the recipes' groups of 128 need, and everything else as in the real config.json. */
const narrow = {
  opt: { ...opt13bConfig, hidden_size: 128, word_embed_proj_dim: 128, ffn_dim: 256 },
  llama: { ...llama27bConfig, hidden_size: 128, intermediate_size: 256, num_key_value_heads: 4 },
} as const;
const small = { num_hidden_layers: 2, num_attention_heads: 4, vocab_size: 4096 };

const large = process.env.QUERN_LARGE_TESTS === '1';
const model = process.env.QUERN_SMOLLM2 ?? join(recipes, 'models/smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf');
if (!large)
  console.log('SKIP recipes at the width of OPT-1.3B and Llama 2 7B, and of SmolLM2: set QUERN_LARGE_TESTS=1');
else if (!existsSync(model)) console.log('SKIP SmolLM2: run scripts/fetch-smollm2.sh');

interface Stage {
  readonly [parameter: string]: unknown;
}

function changes(kind: unknown, dataset: unknown, smaller: object): Stage {
  if (kind === 'export') return { to: null };
  if (kind === 'run') return { promptLengths: [4], prompts: ['What is a poem?'], repeats: 1, warmup: 0 };
  if (dataset === undefined) return {};
  return { dataset: smaller, ...(kind === 'evaluate' ? { gates: null } : {}) };
}

/** A recipe on top of a checked-in one: another model, a little text in place of data sets, no limits. */
function writeSmaller(project: Project, name: string, windows: number, length: number): string {
  const recipe: unknown = parse(readFileSync(join(recipes, name), 'utf8'));
  const stages = isJsonObject(recipe) && isJsonObject(recipe.stages) ? Object.entries(recipe.stages) : [];
  const changed = stages.map(([stage, parameters]): [string, Stage] => {
    const { kind, dataset } = isJsonObject(parameters) ? parameters : {};
    return [stage, { resources: {}, ...changes(kind, dataset, { text, windows, length }) }];
  });
  const smaller = {
    quern: 1,
    extends: join(recipes, name),
    vars: { model: './model' },
    stages: Object.fromEntries(changed),
  };
  project.write(name, JSON.stringify(smaller));
  return name;
}

async function buildAll(project: Project, name: string): Promise<BuildDocument> {
  const document = await project.build(name);
  assert.is(document.status, 'ok', JSON.stringify(document.stages.map(({ error }) => error)));
  return document;
}

function metricsOf(document: BuildDocument, kind: string): BuildDocument['stages'][number]['metrics'][] {
  return document.stages.filter((stage) => stage.kind === kind).map(({ metrics }) => metrics);
}

const named = (prefix: string): readonly string[] =>
  readdirSync(recipes).filter((name) => name.startsWith(prefix) && name.endsWith('.yaml'));

const families = [
  { prefix: 'opt-1.3b-', config: narrow.opt, wide: opt13bConfig, format: 'torch', linear: 13 },
  { prefix: 'llama-2-7b-', config: narrow.llama, wide: llama27bConfig, format: 'safetensors', linear: 15 },
] as const;

for (const { prefix, config, wide, format, linear } of families) {
  test(`the recipes ${prefix}* build a model of two narrow layers`, () =>
    withProject(async (project) => {
      writeRandomCheckpoint(join(project.directory, 'model'), { ...config, ...small }, { format, shardBytes: 2 ** 20 });
      for (const name of named(prefix)) {
        const document = await buildAll(project, writeSmaller(project, name, 2, 32));
        for (const metrics of metricsOf(document, 'quantize')) assert.is(metrics.quantizedNodes, linear, name);
        for (const metrics of metricsOf(document, 'run')) assert.is(metrics.offloadedOperators, linear, name);
      }
    }));

  (large ? test : test.skip)(`the recipes ${prefix}* build a model of two layers of the real width`, () =>
    withProject(async (project) => {
      const config = { ...wide, num_hidden_layers: 2 };
      writeRandomCheckpoint(join(project.directory, 'model'), config, { format, shardBytes: 2 ** 29 });
      for (const name of named(prefix)) {
        const document = await buildAll(project, writeSmaller(project, name, 1, 64));
        for (const metrics of metricsOf(document, 'run')) assert.is(metrics.offloadedOperators, linear, name);
      }
    }),
  );
}

for (const name of named('smollm2-135m-')) {
  (large && existsSync(model) ? test : test.skip)(`${name} builds SmolLM2 within its limits`, () =>
    withProject(async (project) => {
      const stages = { float: { source: model }, onnx: { to: null } };
      project.write('recipe.yaml', JSON.stringify({ quern: 1, extends: join(recipes, name), stages }));
      const document = await buildAll(project, 'recipe.yaml');
      assert.is(metricsOf(document, 'load')[0]?.parameters, 134_515_008);
    }),
  );
}

test.run();
