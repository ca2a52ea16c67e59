/**
 * What quantizing a model takes: whole actions of quern, from the start of the command to the artifact in the store, beside
 * onnxruntime's quantizers on the same model, in one run. All take turns; of each the least of the rounds is printed, and
 * ratios to quern, in time that passed and in processor time. The float model is made once before, for both.
 *
 *     npm run build && QUERN_PEERS_PYTHON=venv/bin/python node --import tsx bench/quantize.ts MODEL TEXT [rounds [NAME...]]
 *
 * MODEL is a checkpoint (SmolLM2 for the figures in the documentation), TEXT calibrates. QUERN_PEERS_PYTHON has
 * onnxruntime and onnx installed; without it only quern is measured. NAMEs leave the others out. Nothing else should run
 * on the machine.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [model, text, rounds = '3', ...only] = process.argv.slice(2);
if (model === undefined || text === undefined) throw new Error('give a model and a calibration text');
const commandLine = join(import.meta.dirname, '../dist/cli/main.js');
const peerScript = join(import.meta.dirname, 'quantize-peer.py');
const python = process.env.QUERN_PEERS_PYTHON;
const root = mkdtempSync(join(tmpdir(), 'quern-bench-'));

interface Sample {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakRssMiB: number;
}

interface Contender {
  readonly name: string;
  /** The contender of quern that does the same, if this is a peer. */
  readonly beside?: string;
  readonly rounds: number;
  measure(): Sample;
}

const quantize = (scheme: unknown): object => ({
  kind: 'quantize',
  model: 'float',
  rules: [
    { match: { name: 'lm_head' }, keep: 'float' },
    { match: { op: 'MatMul' }, scheme },
  ],
});
const kQuant = {
  form: 'nbits',
  weights: { type: 'int4', granularity: 'group', group: 32, symmetric: false, scale: 'k-quant' },
  activations: { type: 'float32' },
  accuracyLevel: 0,
};
const dataset = (windows: number): object => ({ text: resolve(text), windows, length: 512 });
const stages = {
  float: { kind: 'load', source: resolve(model) },
  onnx: { kind: 'export', model: 'float', to: './float' },
  'w4-nbits': quantize('w4-nbits'),
  'k-quant': quantize(kQuant),
  'w8a8-ort': quantize('w8a8-ort'),
  'w8a8-ort-channel': quantize('w8a8-ort-channel'),
  stats: { kind: 'calibrate', model: 'float', dataset: dataset(32) },
  smoothquant: { kind: 'smoothquant', model: 'float', stats: 'stats' },
  awq: { kind: 'awq', model: 'float', group: 64, dataset: dataset(16) },
};

interface Built {
  readonly stages: readonly { readonly status: string; readonly cpuMs: number; readonly peakRssBytes: number }[];
}

/** Runs the command. Processor time and memory are those of its actions. */
function quern(target: string, forced: readonly string[]): Sample {
  const call = [commandLine, 'build', 'recipe.yaml', target, '--json', ...forced.map((stage) => `--force=${stage}`)];
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, call, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, QUERN_CACHE: join(root, 'cache') },
  });
  const wallMs = performance.now() - started;
  if (status !== 0) throw new Error(`quern build ${target}: ${stderr}`);
  const built = (JSON.parse(stdout) as Built).stages.filter((stage) => stage.status === 'built');
  return {
    wallMs,
    cpuMs: built.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    peakRssMiB: Math.max(0, ...built.map(({ peakRssBytes }) => peakRssBytes)) / 2 ** 20,
  };
}

function peer(name: string, interpreter: string): Sample {
  const output = join(root, 'peer');
  mkdirSync(output);
  const call = [peerScript, name, join(root, 'float/model.onnx'), join(output, 'model.onnx')];
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(interpreter, call, { encoding: 'utf8' });
  const wallMs = performance.now() - started;
  rmSync(output, { recursive: true });
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  return { wallMs, ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as Omit<Sample, 'wallMs'>) };
}

const count = Number(rounds);
const ours = (name: string, repeats = count, forced = [name]): Contender => ({
  name,
  rounds: repeats,
  measure: () => quern(name, forced),
});
const peers = (interpreter: string): readonly Contender[] =>
  (
    [
      ['MatMulNBitsQuantizer', 'w4-nbits'],
      ['k_quant', 'k-quant'],
      ['quantize_dynamic', 'w8a8-ort'],
      ['quantize_dynamic per_channel', 'w8a8-ort-channel'],
    ] as const
  ).map(([name, beside]) => ({
    name,
    beside,
    rounds: name === 'k_quant' ? 1 : count,
    measure: () => peer(name, interpreter),
  }));

function least(samples: readonly Sample[]): Sample {
  const [wallMs, cpuMs, peakRssMiB] = (['wallMs', 'cpuMs', 'peakRssMiB'] as const).map((field) =>
    Math.min(...samples.map((sample) => sample[field])),
  );
  return { wallMs: wallMs!, cpuMs: cpuMs!, peakRssMiB: peakRssMiB! };
}

try {
  writeFileSync(join(root, 'quern.config.yaml'), '');
  writeFileSync(join(root, 'recipe.yaml'), JSON.stringify({ quern: 1, stages }));
  quern('onnx', []);
  const contenders = [
    ...['w4-nbits', 'k-quant', 'w8a8-ort', 'w8a8-ort-channel'].map((name) => ours(name)),
    ours('smoothquant', 1, ['stats', 'smoothquant']),
    ours('awq', 1),
    ...(python === undefined ? [] : peers(python)),
  ].filter(({ name }) => only.length === 0 || only.includes(name));
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < count; round++) {
    for (const { name, rounds: own, measure } of contenders) if (round < own) samples.get(name)!.push(measure());
  }
  console.log('what                          wall s    CPU s   peak MiB   wall and CPU time over that of');
  for (const { name, beside } of contenders) {
    const { wallMs, cpuMs, peakRssMiB } = least(samples.get(name)!);
    const figures = [(wallMs / 1000).toFixed(2), (cpuMs / 1000).toFixed(2), peakRssMiB.toFixed(0)];
    const quernsBest = samples.has(beside ?? '') ? least(samples.get(beside!)!) : undefined;
    const ratios =
      quernsBest === undefined
        ? ''
        : `${(wallMs / quernsBest.wallMs).toFixed(2)} and ${(cpuMs / quernsBest.cpuMs).toFixed(2)} x ${beside}`;
    console.log(`${name.padEnd(28)}${figures.map((figure) => figure.padStart(9)).join('')}   ${ratios}`);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
