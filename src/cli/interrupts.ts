/** Thrown where Ctrl-C has ended what a command was about to do: it ends with exit code 130 and says nothing more. */
export class Interrupted extends Error {}

/**
 * Ctrl-C and SIGTERM: the first asks a build to finish what runs and start nothing more, the second kills what runs.
 */
export class InterruptSignals {
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #onStop: () => void;

  constructor(onStop: () => void) {
    this.#onStop = onStop;
    process.on('SIGINT', this.#handle);
    process.on('SIGTERM', this.#handle);
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get kill(): AbortSignal {
    return this.#kill.signal;
  }

  release(): void {
    process.off('SIGINT', this.#handle);
    process.off('SIGTERM', this.#handle);
  }

  readonly #handle = (): void => {
    if (this.#stop.signal.aborted) {
      this.#kill.abort();
      return;
    }
    this.#stop.abort();
    this.#onStop();
  };
}

/** Ends the process at once, as Ctrl-C does by itself: `process.exit` would wait for what a thread computes. */
export function endBySignal(): void {
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
}
