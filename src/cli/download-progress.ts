import { formatBytes } from '../format.js';
import type { RemoteProgress } from '../hub/remote-source.js';
import type { ProgressMode } from './options.js';
import { StatusLine } from './status-line.js';

const pauseMs = { tty: 200, plain: 10_000 } as const;

/** Says on standard error how far downloads are: in one line that changes on a terminal, else in a line now and then. */
export class DownloadProgress {
  readonly #style: keyof typeof pauseMs | undefined;
  readonly #saidMs = new Map<string, number>();
  readonly #line = new StatusLine();

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
    const line = `downloading ${origin}: ${formatBytes(doneBytes)}${of}`;
    if (this.#style === 'tty') this.#line.show(line);
    else process.stderr.write(`${line}\n`);
  };

  readonly close = (): void => this.#line.clear();
}
