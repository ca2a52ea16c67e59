import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { formatBytes } from '../../format.js';
import type { ActionProcess } from './action-process.js';
import { ownCommandLine, startActionProcess } from './action-process.js';
import { answerAction } from './answer.js';
import type { ActionFile, ActionHost, ActionReport, Executor } from './executor.js';
import type { ActionMessage } from './messages.js';
import { parseActionMessage } from './messages.js';

/** Signals by which a process ends that ran out of memory or broke, and what that usually means. */
const signalMeanings: { readonly [signal: string]: string } = {
  SIGKILL: 'it was killed, perhaps by the system for lack of memory',
  SIGSEGV: 'it crashed (segmentation fault)',
  SIGABRT: 'it aborted',
  SIGBUS: 'it crashed (bus error), perhaps because the disk is full',
};

/** How much of a line goes into a message. */
const maximumLineLength = 200;

/**
 * Runs each action in a child process of its own, which gets nothing but its action file. Processes can be started ahead
 * of their action, so that short actions don't wait for Node.js to start.
 */
export class LocalExecutor implements Executor {
  readonly name = 'local';
  readonly #spares: ActionProcess[] = [];
  readonly #commandLine: string;

  constructor(commandLine: string = ownCommandLine) {
    this.#commandLine = commandLine;
  }

  prepare(count: number): void {
    while (this.#spares.length < count)
      this.#spares.push(startActionProcess(this.#commandLine, { usesNetwork: false }));
  }

  close(): void {
    for (const spare of this.#spares.splice(0)) spare.kill();
  }

  async run(file: string, action: ActionFile, host: ActionHost, abort: AbortSignal): Promise<ActionReport> {
    const process = this.#processFor(action);
    const kill = (): void => process.kill();
    abort.addEventListener('abort', kill, { once: true });
    const answers = answerMessages(process, host);
    let lastLine = '';
    const log = (line: string): void => {
      if (line.trim() !== '') lastLine = line.trim();
      host.log(line);
    };
    const logs = process.outputs.map((output) => forwardLines(output, log));
    let exceededBytes: number | undefined;
    const endWatch = process.watchMemory(action.memoryLimitBytes, (usedBytes) => {
      exceededBytes = usedBytes;
      process.kill();
    });
    process.begin(file);
    const ended = await process.ended;
    endWatch();
    await Promise.all([...logs, ...answers]);
    abort.removeEventListener('abort', kill);
    if (exceededBytes !== undefined) return memoryFailure(exceededBytes, action.memoryLimitBytes);
    if (ended.error !== undefined) return failure(`its process could not be started: ${ended.error.message}`);
    const report = readReport(action.reportFile);
    if (report !== undefined && (ended.code === 0 || !report.ok)) return report;
    const what =
      ended.signal === null
        ? `its process ended with exit code ${ended.code} and no report`
        : (signalMeanings[ended.signal] ?? `it was stopped by ${ended.signal}`);
    return failure(what, lastLine);
  }

  /** A spare process that is still alive, or a new one. */
  #processFor({ usesNetwork }: ActionFile): ActionProcess {
    if (usesNetwork) return startActionProcess(this.#commandLine, { usesNetwork });
    for (let spare = this.#spares.shift(); spare !== undefined; spare = this.#spares.shift()) {
      if (spare.isAlive) return spare;
    }
    return startActionProcess(this.#commandLine, { usesNetwork });
  }
}

/** Answers what a process asks. What is returned grows: answers under way must end before the sandbox goes away. */
function answerMessages(process: ActionProcess, host: ActionHost): readonly Promise<void>[] {
  const answers: Promise<void>[] = [];
  const answer = async (message: ActionMessage): Promise<void> => {
    const reply = await answerAction(host, message);
    if (reply !== undefined) process.answer(reply);
  };
  process.onMessage((message) => {
    const parsed = parseActionMessage(message);
    if (parsed !== undefined) answers.push(answer(parsed));
  });
  return answers;
}

/** `lastLine` is the last that the process printed: often why it ended. */
function failure(what: string, lastLine = ''): ActionReport {
  const message = `the stage has no result: ${what}`;
  if (lastLine === '') return { ok: false, error: { message } };
  const suggestion = `the last line it printed: ${lastLine.slice(0, maximumLineLength)}`;
  return { ok: false, error: { message, suggestion } };
}

function memoryFailure(usedBytes: number, limitBytes: number): ActionReport {
  const used = `it was stopped because it took ${formatBytes(usedBytes)} of memory; ${formatBytes(limitBytes)} are allowed`;
  const suggestion = 'raise `resources: { memory: ... }` of the stage or --memory, or make its windows shorter';
  return { ok: false, error: { message: `the stage has no result: ${used}`, suggestion } };
}

function readReport(file: string): ActionReport | undefined {
  try {
    const report: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof report === 'object' && report !== null && 'ok' in report ? (report as ActionReport) : undefined;
  } catch {
    return undefined;
  }
}

async function forwardLines(stream: Readable, log: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream })) log(line);
}
