/**
 * Builds a recipe twice, on this processor and on an emulated one with AVX2 and nothing newer, and compares the artifacts
 * of all stages that claim to be the same on every machine.
 *
 *     npm run build && node --import tsx bench/other-processor.ts [recipe] [processor]
 *
 * Needs qemu-x86_64 (Debian: qemu-user). Emulation is some fifty times slower: take a small model.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { BuildResult } from '../src/build/build.js';
import { buildStages } from '../src/build/build.js';
import { actionEnvironment } from '../src/build/executors/environment.js';
import type { ActionFile, ActionReport, Executor } from '../src/build/executors/executor.js';
import { LocalExecutor } from '../src/build/executors/local.js';
import { loadRecipe } from '../src/recipe/load.js';
import { builtInKinds } from '../src/stages/registry.js';
import { Store } from '../src/store/store.js';
import { writeTinyOpt } from '../test/support/tiny-opt.js';

const processor = process.argv[3] ?? 'Haswell';
const commandLine = resolve(import.meta.dirname, '../dist/cli/main.js');

/** Runs actions under qemu's emulation of another processor. */
class EmulatingExecutor implements Executor {
  readonly name = 'emulated';

  prepare(): void {}

  close(): void {}

  async run(file: string, action: ActionFile): Promise<ActionReport> {
    const command = ['-cpu', processor, process.execPath, commandLine, 'exec-action', file];
    const child = spawn('qemu-x86_64', command, { env: actionEnvironment(false), stdio: 'ignore' });
    await new Promise((ended) => child.on('close', ended));
    return JSON.parse(readFileSync(action.reportFile, 'utf8')) as ActionReport;
  }
}

async function buildWith(executor: Executor, recipeFile: string, storeDirectory: string): Promise<BuildResult> {
  const loaded = await loadRecipe(recipeFile, { kinds: builtInKinds });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join('\n'));
  const never = new AbortController().signal;
  const options = { executor, kindModules: [], jobs: 2, keepGoing: true, stop: never, kill: never, listener: () => {} };
  return buildStages(Store.open(storeDirectory), loaded.recipe, loaded.recipe.stages, options);
}

/** A recipe of every kind of stage over a model of two small layers. */
function writeSmallRecipe(directory: string): string {
  writeTinyOpt(join(directory, 'model'));
  writeFileSync(join(directory, 'text.txt'), 'The ship was built in the harbour of the town. '.repeat(40));
  const recipe = join(directory, 'recipe.yaml');
  const dataset = '{ text: text.txt, windows: 4, length: 16 }';
  const quantize = (model: string, scheme: string) =>
    `{ kind: quantize, model: ${model}, rules: [{ match: { name: lm_head }, keep: float }, { match: {}, scheme: ${scheme} }] }`;
  writeFileSync(
    recipe,
    `quern: 1
stages:
  float: { kind: load, source: ./model }
  stats: { kind: calibrate, model: float, dataset: ${dataset}, collect: [absmax, absmean] }
  smooth: { kind: smoothquant, model: float, stats: stats }
  w8a8: ${quantize('smooth', 'w8a8')}
  ort: ${quantize('float', 'w8a8-ort')}
  channel: ${quantize('float', 'w8a8-ort-channel')}
  blocks: ${quantize('float', 'w4-nbits')}
  onnx: { kind: export, model: w8a8 }
  quality: { kind: evaluate, model: w8a8, reference: float, dataset: ${dataset} }
`,
  );
  return recipe;
}

const directory = mkdtempSync(join(tmpdir(), 'quern-bench-'));
try {
  const recipe = process.argv[2] ?? writeSmallRecipe(directory);
  const here = await buildWith(new LocalExecutor(commandLine), recipe, join(directory, 'here'));
  const there = await buildWith(new EmulatingExecutor(), recipe, join(directory, 'there'));
  const kinds = new Map(builtInKinds);
  for (const [index, stage] of here.stages.entries()) {
    const other = there.stages[index];
    const kind = kinds.get(stage.kind);
    const claims = kind?.machineDependent !== true && kind?.measures !== true;
    const isSame = stage.digest !== null && stage.digest === other?.digest;
    const verdict = isSame ? 'identical' : `DIFFERENT ${other?.error?.message ?? ''}`;
    console.log(`${stage.name.padEnd(8)} ${stage.kind.padEnd(12)} ${verdict}${claims ? '' : ' (makes no claim)'}`);
    if (claims && !isSame) process.exitCode = 1;
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
