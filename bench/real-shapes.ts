/**
 * What it takes to load a model of a real shape and to quantize it to 4 bits: the largest resident memory and, of OPT-1.3B,
 * time against reading and writing the same bytes with `cat`, in one run. The weights are made up.
 *
 *     npm run build && node --import tsx bench/real-shapes.ts [opt-1.3b|llama-2-7b] [LAYERS] [DIRECTORY]
 *
 * `cat` reads the checkpoint, copies the float32 model and copies the quantized one, and `sync` brings the copies to the
 * disk, as quern does with what it stores. OPT-1.3B takes 15 GB of disk. Llama 2 7B takes 45 GB; copies would take 31 more.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BuildDocument } from '../test/e2e/support/project.js';
import { writeRandomCheckpoint } from '../test/support/random-checkpoint.js';
import { llama27bConfig, opt13bConfig } from '../test/support/real-configs.js';

const commandLine = join(import.meta.dirname, '../dist/cli/main.js');
const shapes = {
  'opt-1.3b': { config: opt13bConfig, isCompared: true },
  'llama-2-7b': { config: llama27bConfig, isCompared: false },
} as const;
const [shape = 'opt-1.3b', layers, parent = tmpdir()] = process.argv.slice(2);
const chosen = Object.entries(shapes).find(([name]) => name === shape)?.[1];
if (chosen === undefined) throw new Error(`there is no shape ${shape}`);
const { config, isCompared } = chosen;

interface Usage {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly stdout: string;
}

/** GNU time counts all processes that a command waited for. */
function timed(command: readonly string[], directory: string): Usage {
  const startedMs = performance.now();
  const env = { ...process.env, CI: '1', NO_COLOR: '1', QUERN_CACHE: '' };
  const result = spawnSync('/usr/bin/time', ['-f', 'cpu %U %S', ...command], { cwd: directory, env, encoding: 'utf8' });
  const wallSeconds = (performance.now() - startedMs) / 1000;
  if (result.status !== 0) throw new Error(`${command.join(' ')} failed: ${result.stdout}${result.stderr}`);
  const [, user, system] = /cpu ([\d.]+) ([\d.]+)/.exec(result.stderr) ?? [];
  return { wallSeconds, cpuSeconds: Number(user) + Number(system), stdout: result.stdout };
}

/** Reads the source and copies what the stages have made. */
function copy(source: string, directory: string): Usage {
  const paths = ['float', 'int4'].map((stage) =>
    execFileSync(process.execPath, [commandLine, 'path', 'recipe.yaml', stage], {
      cwd: directory,
      encoding: 'utf8',
    }).trim(),
  );
  const copies = paths.map((path, index) => `find -L ${path} -type f -exec cat {} + > copy${index}`);
  return timed(['sh', '-c', [`cat ${source}/* > /dev/null`, ...copies, 'sync copy0 copy1'].join(' && ')], directory);
}

function usageLine(name: string, { wallSeconds, cpuSeconds }: Usage): string {
  return `${name} ${wallSeconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU)`;
}

const directory = mkdtempSync(join(parent, 'quern-shapes-'));
try {
  const model = { ...config, num_hidden_layers: Number(layers ?? config.num_hidden_layers) };
  const source = writeRandomCheckpoint(join(directory, 'model'), model, { shardBytes: 5 * 2 ** 30 });
  const rules = [{ match: { op: 'MatMul' }, scheme: 'w4-nbits' }];
  const stages = {
    float: { kind: 'load', source: './model' },
    int4: { kind: 'quantize', model: 'float', rules },
  };
  writeFileSync(join(directory, 'recipe.yaml'), JSON.stringify({ quern: 1, stages }));
  execFileSync('sync', ['-f', directory]);
  // A file that has just changed is read twice, because it could change once more without showing it.
  await setTimeout(2500);
  const quern = timed([process.execPath, commandLine, 'build', 'recipe.yaml', '--json'], directory);
  const document = JSON.parse(quern.stdout) as BuildDocument & {
    readonly stages: readonly { readonly durationMs: number; readonly cpuMs: number; readonly peakRssBytes: number }[];
  };
  for (const { name, durationMs, cpuMs, peakRssBytes, metrics } of document.stages) {
    const gibibytes = (Number(metrics.bytes) / 2 ** 30).toFixed(2);
    const mebibytes = (peakRssBytes / 2 ** 20).toFixed(0);
    console.log(
      `${name}: ${gibibytes} GiB, ${(durationMs / 1000).toFixed(1)} s (${(cpuMs / 1000).toFixed(1)} s of CPU), peak ${mebibytes} MiB`,
    );
  }
  console.log(usageLine('quern', quern));
  if (isCompared) {
    const cat = copy(source, directory);
    console.log(usageLine('cat  ', cat));
    const ratio = (quern.wallSeconds / cat.wallSeconds).toFixed(2);
    console.log(`quern / cat = ${ratio} (${(quern.cpuSeconds / cat.cpuSeconds).toFixed(2)} of CPU)`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
