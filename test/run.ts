/**
 * Runs every test file and closes with one line "N passed, N failed, N skipped". Files of small tests share a process with
 * others of their room, because most of their time is what a process takes to start. When a shared process fails, its files
 * are run again by themselves, to show which it is.
 */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const timeoutMs = process.env.QUERN_LARGE_TESTS === '1' ? 3_600_000 : 300_000;

/** Files that are run in one process. */
type Batch = readonly string[];

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly output: string;
}

const mostInBatch = 12;

/** Rooms whose files have a process each: those of the command line, and those that open models when they are loaded. */
const ownProcess: readonly string[] = ['e2e', 'stages', 'runtime'];

async function findTests(patterns: readonly string[]): Promise<string[]> {
  const names = await readdir(join(root, 'test'), { recursive: true });
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
    .sort();
}

/** The long ones first, so that no process is left with one at the end. */
function batchesOf(names: readonly string[]): Batch[] {
  const rooms = new Map<string, string[]>();
  for (const name of names) {
    const [room = ''] = name.split('/');
    rooms.set(room, [...(rooms.get(room) ?? []), name]);
  }
  const alone = ownProcess.flatMap((room) => rooms.get(room) ?? []);
  const shared = [...rooms].flatMap(([name, room]) => (ownProcess.includes(name) ? [] : chunks(room)));
  return [...alone.map((name) => [name]), ...shared];
}

function chunks(names: readonly string[]): Batch[] {
  const count = Math.ceil(names.length / mostInBatch);
  return Array.from({ length: count }, (_, index) => names.slice(index * mostInBatch, (index + 1) * mostInBatch));
}

function runBatch(batch: Batch): Promise<Outcome> {
  return new Promise((resolve) => {
    const paths = batch.map((name) => join(root, 'test', name));
    const call = paths.length === 1 ? paths : [join(root, 'test/batch.ts'), ...paths];
    const child = spawn(process.execPath, ['--import', 'tsx', ...call], {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: '0', ORT_DISABLE_TELEMETRY: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const timer = setTimeout(() => {
      output += `\nstopped after ${timeoutMs / 1000} s`;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      output += data;
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      const count = (label: string): number => Number(new RegExp(`${label}:\\s+(\\d+)`).exec(output)?.[1] ?? 0);
      const total = count('Total');
      const passed = count('Passed');
      const skipped = count('Skipped');
      const unfinished = total === 0 && skipped === 0;
      const failed = Math.max(total - passed, code !== 0 || unfinished ? 1 : 0);
      resolve({ passed, failed, skipped, output });
    });
  });
}

const queue = batchesOf(await findTests(process.argv.slice(2)));
const outcomes: Outcome[] = [];

async function drain(): Promise<void> {
  for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
    const outcome = await runAndReport(batch);
    if (outcome.failed === 0 || batch.length === 1) {
      outcomes.push(outcome);
      continue;
    }
    const alone: Outcome[] = [];
    for (const name of batch) alone.push(await runAndReport([name]));
    outcomes.push(...alone);
    // Files that only fail together have failed.
    if (alone.every(({ failed }) => failed === 0)) outcomes.push({ ...outcome, passed: 0, skipped: 0 });
  }
}

async function runAndReport(batch: Batch): Promise<Outcome> {
  const started = performance.now();
  const outcome = await runBatch(batch);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const [first = ''] = batch;
  const name = batch.length === 1 ? `test/${first}` : `test/${first.split('/')[0]}: ${batch.length} files`;
  console.log(`${outcome.failed > 0 ? 'FAIL' : 'ok  '} ${name} (${outcome.passed} passed, ${seconds} s)`);
  if (outcome.failed > 0) console.log(outcome.output);
  else for (const [line] of outcome.output.matchAll(/SKIP .*/g)) console.log(`     ${line}`);
  return outcome;
}

await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, drain));

const sum = (field: 'passed' | 'failed' | 'skipped'): number => outcomes.reduce((all, one) => all + one[field], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
if (sum('failed') > 0 || sum('passed') === 0) process.exitCode = 1;
