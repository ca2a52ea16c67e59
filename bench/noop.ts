/**
 * What a build costs in which nothing has to be built: quern beside turbo and wireit on the same chain of 20 steps, and
 * quern on a recipe whose source has 10 GB. Each tool is run in turn, and medians and their ratios are printed.
 *
 *     npm run build && node --import tsx bench/noop.ts
 *
 * Turbo and wireit are installed from npm into a temporary directory.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '..');
const commandLine = join(repository, 'dist/cli/main.js');
const steps = 20;
const repeats = 15;

interface Contender {
  readonly name: string;
  readonly directory: string;
  readonly command: readonly [string, ...string[]];
}

interface Sample {
  readonly wallMs: number;
  readonly peakRssMiB: number;
}

const environment = { ...process.env, CI: '1', NO_COLOR: '1', QUERN_CACHE: '', TURBO_TELEMETRY_DISABLED: '1' };

function chain(makeStep: (index: number) => object): object {
  return Object.fromEntries(Array.from({ length: steps }, (_, index) => [`s${index}`, makeStep(index)]));
}

/** A project of probes: each step writes a file, and all but the first read the one before. */
function quernProject(root: string, name: string, sourceBytes: number): Contender {
  const directory = join(root, name);
  mkdirSync(join(directory, 'probe'), { recursive: true });
  const kind = join(repository, 'test/e2e/support/probe-kind.mjs');
  writeFileSync(join(directory, 'quern.config.yaml'), `kinds: [${JSON.stringify(kind)}]\n`);
  if (sourceBytes > 0) {
    const file = openSync(join(directory, 'source.bin'), 'w');
    ftruncateSync(file, sourceBytes);
    closeSync(file);
  }
  const stages = chain((index) => ({
    kind: 'probe',
    id: `s${index}`,
    steps: [{ write: { out: `step ${index}` } }],
    ...(index === 0 ? {} : { first: `s${index - 1}` }),
    ...(index === 0 && sourceBytes > 0 ? { file: 'source.bin' } : {}),
  }));
  writeFileSync(join(directory, 'recipe.yaml'), JSON.stringify({ quern: 1, stages }));
  return { name, directory, command: [process.execPath, commandLine, 'build', 'recipe.yaml'] };
}

const makeFile = (index: number): string => `mkdir -p out && echo ${index} > out/${index}.txt`;

function wireitProject(root: string): Contender {
  const directory = join(root, 'wireit');
  mkdirSync(directory);
  const scripts = Object.fromEntries(Array.from({ length: steps }, (_, index) => [`s${index}`, 'wireit']));
  const wireit = chain((index) => ({
    command: makeFile(index),
    files: index === 0 ? [] : [`out/${index - 1}.txt`],
    output: [`out/${index}.txt`],
    dependencies: index === 0 ? [] : [`s${index - 1}`],
  }));
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'chain', private: true, scripts, wireit }));
  npmInstall(directory, 'wireit');
  return { name: 'wireit', directory, command: ['npm', 'run', '--silent', `s${steps - 1}`] };
}

/** Turbo orders packages, so that each step is a package that depends on the one before. */
function turboProject(root: string): Contender {
  const directory = join(root, 'turbo');
  for (let index = 0; index < steps; index++) {
    const package_ = join(directory, 'packages', `s${index}`);
    mkdirSync(package_, { recursive: true });
    const dependencies = index === 0 ? {} : { [`s${index - 1}`]: '*' };
    const manifest = { name: `s${index}`, version: '1.0.0', scripts: { build: makeFile(index) }, dependencies };
    writeFileSync(join(package_, 'package.json'), JSON.stringify(manifest));
  }
  const root_ = { name: 'chain', private: true, packageManager: 'npm@10.0.0', workspaces: ['packages/*'] };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(root_));
  writeFileSync(
    join(directory, 'turbo.json'),
    JSON.stringify({ tasks: { build: { dependsOn: ['^build'], outputs: ['out/**'] } } }),
  );
  npmInstall(directory, 'turbo');
  execFileSync('git', ['init', '-q'], { cwd: directory });
  writeFileSync(join(directory, '.gitignore'), 'node_modules\nout\n.turbo\n');
  return {
    name: 'turbo',
    directory,
    command: [join(directory, 'node_modules/.bin/turbo'), 'run', 'build', '--output-logs=none'],
  };
}

function npmInstall(directory: string, name: string): void {
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '-D', name], {
    cwd: directory,
    stdio: 'ignore',
  });
}

/** GNU time reports the largest resident set of the processes it waited for. */
function measure({ name, directory, command }: Contender): Sample {
  const startedMs = performance.now();
  const env = { ...environment, QUERN_PROBE: join(directory, 'probe') };
  const result = spawnSync('/usr/bin/time', ['-f', 'peak %M', ...command], { cwd: directory, env, encoding: 'utf8' });
  const wallMs = performance.now() - startedMs;
  if (result.status !== 0) throw new Error(`${name} failed: ${result.stdout}${result.stderr}`);
  return { wallMs, peakRssMiB: Number(/peak (\d+)/.exec(result.stderr)?.[1]) / 1024 };
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const root = mkdtempSync(join(tmpdir(), 'quern-bench-'));
try {
  const contenders = [
    quernProject(root, 'quern', 0),
    quernProject(root, 'quern with 10 GB', 10 * 2 ** 30),
    turboProject(root),
    wireitProject(root),
  ];
  const node: Contender = { name: 'node -e 0', directory: root, command: [process.execPath, '-e', '0'] };
  for (const contender of contenders) measure(contender);
  // A source is not remembered as long as it is younger than the resolution of time stamps: the second build does that.
  for (const contender of contenders) measure(contender);
  const all = [...contenders, node];
  const samples = new Map(all.map(({ name }) => [name, [] as Sample[]]));
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const contender of all) samples.get(contender.name)?.push(measure(contender));
  }
  const wall = (name: string): number => median((samples.get(name) ?? []).map(({ wallMs }) => wallMs));
  const peak = (name: string): number => median((samples.get(name) ?? []).map(({ peakRssMiB }) => peakRssMiB));
  for (const { name } of all) {
    console.log(
      `${name.padEnd(18)} ${wall(name).toFixed(0).padStart(5)} ms  ${peak(name).toFixed(0).padStart(4)} MiB  quern / it = ${(wall('quern') / wall(name)).toFixed(2)}`,
    );
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
