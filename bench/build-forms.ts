import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { writeRandomCheckpoint } from '../test/support/random-checkpoint.js';
import { llama27bConfig, opt13bConfig } from '../test/support/real-configs.js';

const commandLine = join(import.meta.dirname, '../dist/cli/main.js');
const shapes: { readonly [name: string]: { readonly [field: string]: unknown } } = {
  'opt-1.3b': opt13bConfig,
  'llama-2-7b': llama27bConfig,
};

const scheme = (name: string): object => ({
  kind: 'quantize',
  model: 'float',
  rules: [
    { match: { name: 'lm_head' }, keep: 'float' },
    { match: { op: 'MatMul' }, scheme: name },
  ],
});

/** What a checkpoint is measured as: linear layers in float32, or with the weights that ONNX Runtime has for int8 and int4. */
export const formStages = {
  float: {},
  int8: scheme('w8a8-ort'),
  int4: scheme('w4-nbits'),
} as const;

export interface BuiltForms {
  /** The artifact of a stage. */
  pathOf(stage: string): string;
  remove(): void;
}

/** Whether an argument is a directory that quern has written and not a checkpoint or the name of a shape. */
export function isModelDirectory(argument: string): boolean {
  return existsSync(join(argument, 'quern.json'));
}

/**
 * Builds stages of a checkpoint with the built command line: `source` is its file or directory, or a shape with made-up
 * weights: `opt-1.3b`, or `opt-1.3b:4` for its first four layers. The stage that loads it is `float`.
 */
export function buildForms(source: string, stages: { readonly [name: string]: object }): BuiltForms {
  const directory = mkdtempSync(join(tmpdir(), 'quern-bench-'));
  const options = {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, QUERN_CACHE: join(directory, 'cache') },
  } as const;
  const run = (...call: string[]): string => execFileSync(process.execPath, [commandLine, ...call], options);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    const isHere = statSync(source, { throwIfNoEntry: false }) !== undefined;
    const float = { kind: 'load', source: isHere ? resolve(source) : madeUp(source, join(directory, 'model')) };
    writeFileSync(join(directory, 'quern.config.yaml'), '');
    writeFileSync(join(directory, 'recipe.yaml'), JSON.stringify({ quern: 1, stages: { ...stages, float } }));
    run('build', 'recipe.yaml', '--json');
  } catch (error) {
    remove();
    throw error;
  }
  return { pathOf: (stage) => run('path', 'recipe.yaml', stage).trim(), remove };
}

function madeUp(shape: string, directory: string): string {
  const [name = '', layers] = shape.split(':');
  const config = shapes[name];
  if (config === undefined) throw new Error(`${shape} is no file and no shape: ${Object.keys(shapes).join(', ')}`);
  return writeRandomCheckpoint(directory, { ...config, num_hidden_layers: Number(layers ?? config.num_hidden_layers) });
}
