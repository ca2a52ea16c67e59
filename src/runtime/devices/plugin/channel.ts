import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { QuernError } from '../../../errors.js';
import { ownFile } from '../../../own-files.js';
import type { DriverCall, DriverReply, WorkerStart } from './messages.js';

/** Loading a module may take longer than a dispatch. */
const startTimeoutMs = 20_000;

const workerUrl = ownFile('runtime/devices/plugin/worker.mjs');

/**
 * A driver in a thread of its own, called synchronously. After a call that took too long, or when the thread has ended, the
 * driver is gone, and every further call fails at once.
 */
export class DriverChannel {
  /** What the driver says it is. */
  readonly description: string | undefined;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #replies: Int32Array<SharedArrayBuffer>;
  readonly #timeoutMs: number;
  /** Replies so far, the one to loading included. */
  #replyCount = 1;
  #memory = new SharedArrayBuffer(0);
  #lost: string | undefined;

  private constructor(
    worker: Worker,
    port: MessagePort,
    replies: Int32Array<SharedArrayBuffer>,
    description: unknown,
    timeoutMs: number,
  ) {
    this.description = typeof description === 'string' ? description : undefined;
    this.#worker = worker;
    this.#port = port;
    this.#replies = replies;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Loads a driver. `module`: URL. `timeoutMs`: longest time of a call.
   * @throws QuernError (`engine`) if it can't be loaded
   */
  static async open(module: string, timeoutMs: number): Promise<DriverChannel> {
    const { port1, port2 } = new MessageChannel();
    const replies = new Int32Array(new SharedArrayBuffer(4));
    const workerData: WorkerStart = { module, port: port2, replies };
    const worker = new Worker(workerUrl, { workerData, transferList: [port2] });
    try {
      const description = resultOf(await firstReply(worker, port1, Math.max(startTimeoutMs, timeoutMs)));
      worker.unref();
      port1.unref();
      return new DriverChannel(worker, port1, replies, description, timeoutMs);
    } catch (error) {
      port1.close();
      await worker.terminate();
      throw error;
    }
  }

  /** Calls the driver and waits for its reply. Throws a `QuernError` when the driver fails. */
  call(message: DriverCall): unknown {
    if (this.#lost !== undefined) throw new QuernError('engine', this.#lost);
    this.#port.postMessage(message);
    return this.#receive();
  }

  /** Calls a driver that may have failed, where that does not matter any more. */
  tryCall(message: DriverCall): void {
    if (this.#lost !== undefined) return;
    try {
      this.call(message);
    } catch (error) {
      if (!(error instanceof QuernError)) throw error;
    }
  }

  /** Memory shared with the driver, at least as much as asked for: the same for each call. */
  memory(sizeBytes: number): SharedArrayBuffer {
    if (this.#memory.byteLength < sizeBytes) this.#memory = new SharedArrayBuffer(sizeBytes);
    return this.#memory;
  }

  close(): void {
    this.tryCall({ call: 'close' });
    this.#lost ??= 'the driver is closed';
    this.#port.close();
    void this.#worker.terminate();
  }

  #receive(): unknown {
    if (!this.#waitForReply()) {
      this.#lost = `it was stopped, because it did not answer within ${this.#timeoutMs} ms`;
      void this.#worker.terminate();
      throw new QuernError('engine', this.#lost);
    }
    const received: { readonly message: DriverReply } | undefined = receiveMessageOnPort(this.#port);
    if (received === undefined) throw new Error('a driver counted a reply that it did not send');
    if (!received.message.ok && received.message.isGone) this.#lost = received.message.reason;
    return resultOf(received.message);
  }

  /** Whether the next reply is there in time. A thread counts a reply after it has sent it. */
  #waitForReply(): boolean {
    const wanted = ++this.#replyCount;
    const end = performance.now() + this.#timeoutMs;
    for (let count = Atomics.load(this.#replies, 0); count < wanted; count = Atomics.load(this.#replies, 0)) {
      if (Atomics.wait(this.#replies, 0, count, Math.max(0, end - performance.now())) === 'timed-out') return false;
    }
    return true;
  }
}

/** The reply that a thread sends when it has loaded its driver, or why there is none. */
function firstReply(worker: Worker, port: MessagePort, timeoutMs: number): Promise<DriverReply> {
  return new Promise((resolve) => {
    const fail = (reason: string): void => resolve({ ok: false, reason });
    const timer = setTimeout(() => fail(`it was not loaded within ${timeoutMs} ms`), timeoutMs);
    port.once('message', (reply: DriverReply) => {
      clearTimeout(timer);
      resolve(reply);
    });
    // The listener stays: without one the error of a thread would end the process.
    worker.on('error', ({ message }) => fail(message));
    worker.once('exit', () => {
      clearTimeout(timer);
      // What the thread has sent can arrive behind its end.
      const sent: { readonly message: DriverReply } | undefined = receiveMessageOnPort(port);
      resolve(sent?.message ?? { ok: false, reason: 'its thread ended' });
    });
  });
}

function resultOf(reply: DriverReply): unknown {
  if (reply.ok) return reply.value;
  throw new QuernError('engine', reply.reason);
}
