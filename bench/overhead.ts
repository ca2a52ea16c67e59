/**
 * What the scheduler costs: ms of a chain of short actions beyond the same process doing nothing, and how long two
 * independent stages of one second take on two cores.
 *
 *     npm run build && node --import tsx bench/overhead.ts
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '..');
const commandLine = join(repository, 'dist/cli/main.js');
const actions = 20;
const repeats = 5;

const directory = mkdtempSync(join(tmpdir(), 'quern-overhead-'));
mkdirSync(join(directory, 'probe'));
const kind = join(repository, 'test/e2e/support/probe-kind.mjs');
writeFileSync(join(directory, 'quern.config.yaml'), `kinds: [${JSON.stringify(kind)}]\n`);

function buildMs(stages: { readonly [name: string]: object }): number {
  const probes = Object.entries(stages).map(([id, parameters]) => [id, { kind: 'probe', id, ...parameters }]);
  writeFileSync(join(directory, 'recipe.yaml'), JSON.stringify({ quern: 1, stages: Object.fromEntries(probes) }));
  const env = { ...process.env, CI: '1', NO_COLOR: '1', QUERN_CACHE: '', QUERN_PROBE: join(directory, 'probe') };
  const startedMs = performance.now();
  const call = [commandLine, 'build', 'recipe.yaml', '--force', '-j', '2'];
  const { status, stderr } = spawnSync(process.execPath, call, { cwd: directory, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - startedMs;
}

/** The median of a few runs, after one that is not counted. */
function median(measure: () => number): number {
  measure();
  const values = Array.from({ length: repeats }, measure).sort((left, right) => left - right);
  return values[Math.floor(repeats / 2)] ?? Number.NaN;
}

try {
  const one = median(() => buildMs({ s0: {} }));
  const chain = Array.from({ length: actions + 1 }, (_, index) => [
    `s${index}`,
    index === 0 ? {} : { first: `s${index - 1}` },
  ]);
  const many = median(() => buildMs(Object.fromEntries(chain)));
  console.log(`an action: ${((many - one) / actions).toFixed(1)} ms`);
  const second = { steps: [{ sleep: 1000 }] };
  const two = median(() => buildMs({ one: second, two: second }));
  console.log(
    `two stages of 1 s at once: ${(two / 1000).toFixed(2)} s; the build of an empty stage: ${(one / 1000).toFixed(2)} s`,
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
