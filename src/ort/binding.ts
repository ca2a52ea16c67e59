import { QuernError } from '../errors.js';
import { openBindingSession } from './binding-session.js';
import type { BindingModule } from './binding-tensor.js';
import type { Engine, Session, SessionSource, ThreadOptions } from './engine.js';
import type { ExecutionProvider } from './execution-provider.js';
import { checkVersion } from './runtime-library.js';
import { type ResolvableSessionOptions, resolveSessionOptions } from './session-options.js';

/** Whether ONNX Runtime was started by the addon in this process, without a shared thread pool. It stays so. */
let opened = false;

/** Whether an engine of this kind was opened in this process. */
export function bindingWasOpened(): boolean {
  return opened;
}

/**
 * ONNX Runtime through the addon of onnxruntime-node. Each session has a pool of its own. Throws a `QuernError` where the
 * addon does not load.
 */
export async function openBindingEngine(options: ThreadOptions): Promise<Engine> {
  const { module, version } = await loadBinding();
  opened = true;
  return new BindingEngine(module, version, options);
}

async function loadBinding(): Promise<{ module: BindingModule; version: string }> {
  const { version, ...module } = await importBinding();
  checkVersion(version);
  return { module, version };
}

async function importBinding(): Promise<BindingModule & { version: string }> {
  try {
    const { env, Tensor } = await import('onnxruntime-node');
    env.logLevel = 'fatal';
    // The public `InferenceSession` wraps each call of this synchronous class in a promise and a turn of the event loop.
    const { binding, initOrt } = await import('onnxruntime-node/dist/binding.js');
    const { version } = await import('onnxruntime-node/dist/version.js');
    initOrt();
    return { InferenceSession: binding.InferenceSession, Tensor, version };
  } catch (error) {
    throw new QuernError('engine', 'the addon of onnxruntime-node does not load on this machine', { cause: error });
  }
}

class BindingEngine implements Engine {
  readonly name = 'binding';
  readonly version: string;
  readonly threads: number;
  readonly #module: BindingModule;
  readonly #spin: boolean;
  readonly #sessions = new Set<Session>();
  #closed = false;

  constructor(module: BindingModule, version: string, { threads, spin }: ThreadOptions) {
    this.#module = module;
    this.version = version;
    this.threads = threads;
    this.#spin = spin;
  }

  openSession(source: SessionSource, options: ResolvableSessionOptions = {}): Session {
    if (this.#closed) throw new Error('the engine is closed');
    const folder = 'bytes' in source ? source.externalDataFolder : undefined;
    const resolved = resolveSessionOptions(options, folder);
    const threadOptions = { threads: this.threads, spin: this.#spin };
    const session = openBindingSession(this.#module, source, resolved, threadOptions, (released) =>
      this.#sessions.delete(released),
    );
    this.#sessions.add(session);
    return session;
  }

  openProvider(): ExecutionProvider {
    throw new QuernError('engine', "execution providers need ONNX Runtime's C API, which can't be reached here", {
      suggestion: 'install the package koffi, or use the device cpu',
    });
  }

  close(): void {
    this.#closed = true;
    for (const session of this.#sessions) session.release();
  }
}
