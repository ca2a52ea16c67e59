import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ActionFile, ActionListener, ActionReport, Executor } from './executor.js';
import { parseMessage } from './messages.js';

const commandLine = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** Signals by which a process ends that ran out of memory or broke, and what that usually means. */
const signalMeanings: { readonly [signal: string]: string } = {
  SIGKILL: 'it was killed, perhaps by the system for lack of memory',
  SIGSEGV: 'it crashed (segmentation fault)',
  SIGABRT: 'it aborted',
  SIGBUS: 'it crashed (bus error), perhaps because the disk is full',
};

/** Runs each action in a child process of its own, which gets nothing but its action file. */
export class LocalExecutor implements Executor {
  readonly name = 'local';

  async run(file: string, action: ActionFile, listener: ActionListener, abort: AbortSignal): Promise<ActionReport> {
    const child = spawn(process.execPath, [commandLine, 'exec-action', file], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ORT_DISABLE_TELEMETRY: process.env.ORT_DISABLE_TELEMETRY ?? '1' },
      detached: true,
    });
    const kill = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // The group is gone already.
      }
    };
    abort.addEventListener('abort', kill, { once: true });
    child.on('message', (message) => {
      const progress = parseMessage(message);
      if (progress !== undefined) listener.progress(progress);
    });
    const logs = [child.stdout, child.stderr].map((stream) =>
      stream === null ? undefined : forwardLines(stream, listener),
    );
    const ended = await new Promise<{ code: number | null; signal: NodeJS.Signals | null; error?: Error }>(
      (resolve) => {
        child.on('error', (error) => resolve({ code: null, signal: null, error }));
        child.on('exit', (code, signal) => resolve({ code, signal }));
      },
    );
    await Promise.all(logs);
    abort.removeEventListener('abort', kill);
    if (ended.error !== undefined) return failure(`its process could not be started: ${ended.error.message}`);
    const report = readReport(action.reportFile);
    if (report !== undefined && (ended.code === 0 || !report.ok)) return report;
    if (ended.signal !== null) return failure(signalMeanings[ended.signal] ?? `it was stopped by ${ended.signal}`);
    return failure(`its process ended with exit code ${ended.code} and no report`);
  }
}

function failure(what: string): ActionReport {
  return { ok: false, error: { message: `the stage has no result: ${what}` } };
}

function readReport(file: string): ActionReport | undefined {
  try {
    const report: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof report === 'object' && report !== null && 'ok' in report ? (report as ActionReport) : undefined;
  } catch {
    return undefined;
  }
}

async function forwardLines(stream: Readable, listener: ActionListener): Promise<void> {
  for await (const line of createInterface({ input: stream })) listener.log(line);
}
