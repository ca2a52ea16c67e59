import { formatBytes } from '../format.js';
import type { RemoteProgress } from '../hub/remote-source.js';
import type { ProgressMode } from './options.js';

const pauseMs = { tty: 200, plain: 10_000 } as const;

/** Says on standard error how far downloads are: in one line that changes on a terminal, else in a line now and then. */
export class DownloadProgress {
  readonly #style: keyof typeof pauseMs | undefined;
  readonly #saidMs = new Map<string, number>();
  #lineLength = 0;

  constructor(mode: ProgressMode) {
    const isTerminal = process.stderr.isTTY === true;
    if (mode === 'tty' || (mode === 'auto' && isTerminal)) this.#style = 'tty';
    else this.#style = mode === 'none' || mode === 'json' ? undefined : 'plain';
  }

  readonly report = (origin: string, { doneBytes, totalBytes }: RemoteProgress): void => {
    if (this.#style === undefined) return;
    const nowMs = performance.now();
    const saidMs = this.#saidMs.get(origin) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - saidMs < pauseMs[this.#style]) return;
    this.#saidMs.set(origin, nowMs);
    const of = totalBytes === undefined ? '' : ` of ${formatBytes(totalBytes)}`;
    this.#show(`downloading ${origin}: ${formatBytes(doneBytes)}${of}`);
  };

  readonly close = (): void => {
    if (this.#lineLength > 0) process.stderr.write(`\r${' '.repeat(this.#lineLength)}\r`);
    this.#lineLength = 0;
  };

  #show(line: string): void {
    if (this.#style === 'plain') {
      process.stderr.write(`${line}\n`);
      return;
    }
    const text = line.slice(0, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(`\r${text.padEnd(this.#lineLength)}`);
    this.#lineLength = text.length;
  }
}
