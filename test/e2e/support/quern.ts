import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

export const repository = join(import.meta.dirname, '../../..');
const commandLine = join(repository, 'dist/cli/main.js');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface QuernOptions {
  readonly cwd: string;
  readonly env?: { readonly [name: string]: string };
}

/** A running `quern`. */
export interface RunningQuern {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

export function startQuern(argumentList: readonly string[], { cwd, env = {} }: QuernOptions): RunningQuern {
  const child = spawn(process.execPath, [commandLine, ...argumentList], {
    cwd,
    env: { ...process.env, CI: '1', NO_COLOR: '1', QUERN_CACHE: '', GITHUB_ACTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<Outcome>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

export function quern(argumentList: readonly string[], options: QuernOptions): Promise<Outcome> {
  return startQuern(argumentList, options).ended;
}

/** Runs `quern` and reads the JSON document it prints. */
export async function quernJson<T>(argumentList: readonly string[], options: QuernOptions): Promise<T> {
  const outcome = await quern([...argumentList, '--json'], options);
  try {
    return JSON.parse(outcome.stdout) as T;
  } catch {
    throw new Error(`no JSON document: exit code ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`);
  }
}

/** Resolves when a running quern has said something on standard error. */
export function says(running: RunningQuern, expected: RegExp): Promise<void> {
  return new Promise((resolve) => {
    let text = '';
    running.child.stderr?.on('data', (data) => {
      text += data;
      if (expected.test(text)) resolve();
    });
  });
}

/** Waits until a file exists. The time limit only ends a test that has gone wrong. */
export async function fileAppears(path: string): Promise<void> {
  for (let waitedMs = 0; !existsSync(path); waitedMs += 5) {
    if (waitedMs > 60_000) throw new Error(`${path} does not appear`);
    await setTimeout(5);
  }
}
