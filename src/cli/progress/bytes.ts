import { formatBytes } from '../../format.js';

export interface ByteProgress {
  update(doneBytes: number, totalBytes: number): void;
  /** Removes what is drawn. */
  end(): void;
}

const terminalIntervalMs = 200;
const logIntervalMs = 10_000;

/** Says on standard error how far something long has come: in one line of a terminal, or in a log every ten seconds. */
export function byteProgress(verb: string): ByteProgress {
  const isTerminal = process.stderr.isTTY === true;
  const intervalMs = isTerminal ? terminalIntervalMs : logIntervalMs;
  let lastMs = performance.now();
  let isDrawn = false;
  return {
    update: (doneBytes, totalBytes) => {
      const nowMs = performance.now();
      if (nowMs - lastMs < intervalMs) return;
      lastMs = nowMs;
      const text = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} ${verb}`;
      process.stderr.write(isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
      isDrawn = isTerminal;
    },
    end: () => {
      if (isDrawn) process.stderr.write('\r\u001b[K');
      isDrawn = false;
    },
  };
}
