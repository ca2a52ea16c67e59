/** Runs every test file in a process of its own and closes with one line "N passed, N failed, N skipped". */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const timeoutMs = 300_000;

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly output: string;
}

async function findTests(patterns: readonly string[]): Promise<string[]> {
  const names = await readdir(join(root, 'test'), { recursive: true });
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
    .sort((a, b) => Number(b.startsWith('e2e')) - Number(a.startsWith('e2e')) || a.localeCompare(b))
    .map((name) => join(root, 'test', name));
}

function runFile(file: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
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
      resolve({ file, passed, failed, skipped, output });
    });
  });
}

const files = await findTests(process.argv.slice(2));
const queue = [...files];
const outcomes: Outcome[] = [];
async function drain(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const started = performance.now();
    const outcome = await runFile(file);
    outcomes.push(outcome);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${outcome.failed > 0 ? 'FAIL' : 'ok  '} ${relative(root, file)} (${outcome.passed} passed, ${seconds} s)`,
    );
    if (outcome.failed > 0) console.log(outcome.output);
    else for (const line of outcome.output.split('\n')) if (line.startsWith('SKIP')) console.log(`     ${line}`);
  }
}
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, drain));

const sum = (field: 'passed' | 'failed' | 'skipped'): number => outcomes.reduce((all, one) => all + one[field], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
if (sum('failed') > 0 || sum('passed') === 0) process.exitCode = 1;
