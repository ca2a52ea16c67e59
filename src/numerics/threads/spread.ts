import { Worker } from 'node:worker_threads';
import { ownFile } from '../../own-files.js';
import { errorOfThread, type ThreadError } from '../../thread-error.js';

/** What `run` of the module of some jobs does: the same for the same job, wherever it runs. */
export type JobFunction<Job, Result> = (job: Job) => Result;

/** Jobs, the function that does one, and the module that exports it as `run`. */
export interface Jobs<Job, Result> {
  readonly jobs: readonly Job[];
  readonly run: JobFunction<Job, Result>;
  readonly module: URL;
}

/** What a thread is started with. `next`: the number of the job that whoever is free takes, int32 [1]. */
export interface ThreadStart {
  readonly module: string;
  readonly jobs: readonly unknown[];
  readonly next: Int32Array;
}

export type ThreadMessage = { readonly index: number } & (
  | { readonly result: unknown }
  | { readonly error: ThreadError }
);

type Outcome<Result> = { readonly result: Result } | { readonly error: unknown };

const workerUrl = ownFile('numerics/threads/worker.mjs');

/**
 * Does independent jobs on several threads, the calling one included, each thread taking the next job when it is free.
 * Jobs and results are plain data; what arrays of a result hold moves to this thread without being copied. `take` gets the
 * results in the order of the jobs, each as soon as those before are done. After an error no job begins; of several the
 * first job's is thrown. A thread can't start with TypeScript, so that this one does everything when quern runs from its sources.
 */
export async function spread<Job, Result>(
  { jobs, run, module }: Jobs<Job, Result>,
  threads: number,
  take: (result: Result, index: number) => void,
): Promise<void> {
  const next = new Int32Array(new SharedArrayBuffer(4));
  const outcomes = new OrderedOutcomes(take);
  const settle = (index: number, outcome: Outcome<Result>): void => {
    // Those before it have begun, and nobody wants those behind it.
    if ('error' in outcome) Atomics.store(next, 0, jobs.length);
    outcomes.settle(index, outcome);
  };
  const others = module.pathname.endsWith('.ts') ? 0 : Math.min(threads, jobs.length) - 1;
  const ended = Array.from({ length: others }, () => startThread({ module: module.href, jobs, next }, settle));
  for (let index = Atomics.add(next, 0, 1); index < jobs.length; index = Atomics.add(next, 0, 1)) {
    settle(
      index,
      attempt(() => run(jobs[index]!)),
    );
    // Lets what other threads have sent arrive.
    await new Promise(setImmediate);
  }
  await Promise.all(ended);
  outcomes.end(jobs.length);
}

/** Gives on results in the order of their jobs, up to the first error. */
class OrderedOutcomes<Result> {
  readonly #waiting = new Map<number, Outcome<Result>>();
  readonly #take: (result: Result, index: number) => void;
  #next = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(take: (result: Result, index: number) => void) {
    this.#take = take;
  }

  settle(index: number, outcome: Outcome<Result>): void {
    this.#waiting.set(index, outcome);
    for (let due = this.#waiting.get(this.#next); due !== undefined; due = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      if ('error' in due) this.#failure ??= due;
      else if (this.#failure === undefined) this.#take(due.result, this.#next);
      this.#next++;
    }
  }

  end(count: number): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#next < count) throw new Error(`a thread has ended without the result of job ${this.#next}`);
  }
}

function attempt<Result>(work: () => Result): Outcome<Result> {
  try {
    return { result: work() };
  } catch (error) {
    return { error };
  }
}

/** Settles once the thread has ended. */
function startThread<Result>(
  workerData: ThreadStart,
  settle: (index: number, outcome: Outcome<Result>) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerUrl, { workerData });
    worker.on('message', (message: ThreadMessage) => {
      if ('error' in message) settle(message.index, { error: errorOfThread(message.error) });
      else settle(message.index, { result: message.result as Result });
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}
