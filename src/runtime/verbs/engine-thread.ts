import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { disableTelemetry } from '../../ort/telemetry.js';
import { ownModule } from '../../own-files.js';
import { errorOfThread } from '../../thread-error.js';
import type { BenchOptions, BenchReport } from './bench-report.js';
import type { Answer, EngineReply, EngineRequest, EngineStart } from './engine-messages.js';
import type { AnswerOptions, Prompt, TextGeneratorOptions } from './text-generator.js';

/**
 * The engine in a thread of its own, so that signals are heard and progress is shown while a pass is computed. There is
 * one message a token.
 */
class EngineThread {
  readonly #worker: Worker;
  readonly #ended: Promise<unknown>;
  /** Who waits for what the thread says. */
  #listener: ((reply: EngineReply) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  /** Why nothing more will be said. */
  #lost: Error | undefined;

  constructor(start: EngineStart, log: (line: string) => void) {
    disableTelemetry();
    this.#worker = new Worker(ownModule('runtime/verbs/engine-job'), { workerData: start });
    this.#ended = once(this.#worker, 'exit').catch(() => {});
    this.#worker.on('message', (reply: EngineReply) => {
      if (reply.type === 'log') log(reply.line);
      else if (reply.type === 'failed') this.#fail?.(errorOfThread(reply.error));
      else this.#listener?.(reply);
    });
    this.#worker.on('error', (error) => this.#lose(error));
    this.#worker.on('exit', () => this.#lose(new Error('the thread of the engine has ended')));
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    this.#fail?.(this.#lost);
  }

  send(request: EngineRequest): void {
    this.#worker.postMessage(request);
  }

  /** What `read` makes of the first reply that it makes something of. */
  async receive<T>(read: (reply: EngineReply) => T | undefined): Promise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    try {
      return await new Promise((resolve, reject) => {
        this.#fail = reject;
        this.#listener = (reply) => {
          const result = read(reply);
          if (result !== undefined) resolve(result);
        };
      });
    } finally {
      this.#listener = undefined;
      this.#fail = undefined;
    }
  }

  /** Waits until devices and sessions are closed and the thread has ended. */
  async close(): Promise<void> {
    this.send({ type: 'close' });
    await this.#ended;
  }
}

/** A model that continues prompts, in a thread of its own. */
export interface RemoteTextGenerator {
  /** @throws QuernError (`stage`) if the prompt leaves no room for a token */
  answer(prompt: Prompt, options: AnswerOptions): Promise<Answer>;
}

/** `withTextGenerator` in a thread of its own. */
export async function withRemoteTextGenerator<T>(
  { log, ...options }: TextGeneratorOptions,
  use: (generator: RemoteTextGenerator) => Promise<T>,
): Promise<T> {
  const thread = new EngineThread({ verb: 'generate', options }, log);
  try {
    await thread.receive((reply) => reply.type === 'ready' || undefined);
    return await use({ answer: (prompt, answerOptions) => answerOf(thread, prompt, answerOptions) });
  } finally {
    await thread.close();
  }
}

async function answerOf(thread: EngineThread, prompt: Prompt, { stop, onText }: AnswerOptions): Promise<Answer> {
  const onStop = (): void => thread.send({ type: 'stop' });
  thread.send({ type: 'answer', prompt });
  if (stop.aborted) onStop();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    return await thread.receive((reply) => {
      if (reply.type === 'text') onText(reply.text);
      return reply.type === 'answered' ? reply.answer : undefined;
    });
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}

/** `benchReport` in a thread of its own. */
export async function remoteBenchReport({ log, onRepeat, ...options }: BenchOptions): Promise<BenchReport> {
  const thread = new EngineThread({ verb: 'bench', options }, log);
  try {
    return await thread.receive((reply) => {
      if (reply.type === 'repeat') onRepeat(reply.done, reply.total);
      return reply.type === 'measured' ? reply.report : undefined;
    });
  } finally {
    await thread.close();
  }
}
