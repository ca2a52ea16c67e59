import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ownFile } from '../../own-files.js';
import { actionEnvironment } from './environment.js';
import { watchMemory } from './memory-watch.js';
import type { HostMessage } from './messages.js';

/** The compiled command line, whose `exec-action` does the work of an action. */
export const ownCommandLine = fileURLToPath(ownFile('cli/main.js'));

/** Stands for the path of an action file that the process is told later. */
export const toldLater = '-';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the process could not be started. */
  readonly error?: Error;
}

/** A process that has started and does the work of one action file once it is told which. */
export interface ActionProcess {
  readonly ended: Promise<ProcessEnd>;
  readonly outputs: readonly Readable[];
  readonly isAlive: boolean;
  onMessage(listener: (message: unknown) => void): void;
  begin(file: string): void;
  answer(message: HostMessage): void;
  /** Calls `onExceeded` once when the process has more resident memory. Returns the function that ends the watch. */
  watchMemory(limitBytes: number, onExceeded: (usedBytes: number) => void): () => void;
  /** Kills the process and everything it has started. */
  kill(): void;
}

export function startActionProcess(
  commandLine: string,
  { usesNetwork }: { readonly usesNetwork: boolean },
): ActionProcess {
  const child = spawn(process.execPath, [commandLine, 'exec-action', toldLater], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: actionEnvironment(usesNetwork),
    detached: true,
  });
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.on('error', (error) => resolve({ code: null, signal: null, error }));
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    ended,
    outputs: [child.stdout, child.stderr].filter((stream) => stream !== null),
    get isAlive() {
      return child.exitCode === null && child.signalCode === null && child.connected;
    },
    onMessage: (listener) => child.on('message', listener),
    // A process that has just died can't be told; how it ended says enough.
    begin: (file) => child.send(file, () => {}),
    answer: (message) => child.send(message, () => {}),
    watchMemory: (limitBytes, onExceeded) =>
      child.pid === undefined ? () => {} : watchMemory(child.pid, limitBytes, onExceeded),
    kill: () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // The group is gone already.
      }
    },
  };
}
