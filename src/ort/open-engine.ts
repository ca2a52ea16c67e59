import { QuernError } from '../errors.js';
import { bindingWasOpened, openBindingEngine } from './binding.js';
import { openCEngine } from './c-api.js';
import { environmentIsOpen } from './c-environment.js';
import type { Engine } from './engine.js';
import { disableTelemetry } from './telemetry.js';

export interface EngineOptions {
  /** Threads that one run may use, the calling one included. */
  readonly threads: number;
  /** Whether idle threads wait in a busy loop. Worth it only on an otherwise idle machine. Default: false. */
  readonly spin?: boolean;
  /** `auto` takes the C API, and the addon where the C API can't be reached. Default: `auto`. */
  readonly implementation?: 'c-api' | 'binding' | 'auto';
}

/** An engine, and why it is not the C API where that was tried first. */
export interface OpenedEngine {
  readonly engine: Engine;
  readonly fallbackReason: QuernError | undefined;
}

/**
 * Opens ONNX Runtime. The C API engines of a process share one thread pool and have to be opened before one of the addon.
 * Throws a `QuernError` where the engine can't be opened.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  return (await openEngineWithReason(options)).engine;
}

/** `openEngine` for those who tell the user which engine it was. */
export async function openEngineWithReason(options: EngineOptions): Promise<OpenedEngine> {
  const { threads, spin = false, implementation = 'auto' } = options;
  if (!Number.isSafeInteger(threads) || threads < 1) throw new Error(`${threads} is not a number of threads`);
  disableTelemetry();
  const threadOptions = { threads, spin };
  if (implementation === 'binding') {
    return { engine: await openBindingEngine(threadOptions), fallbackReason: undefined };
  }
  try {
    checkOrder();
    return { engine: await openCEngine(threadOptions), fallbackReason: undefined };
  } catch (error) {
    if (implementation === 'c-api' || !(error instanceof QuernError)) throw error;
    return { engine: await openBindingEngine(threadOptions), fallbackReason: error };
  }
}

/** Who starts ONNX Runtime decides whether there is a shared thread pool, which the C API sessions need. */
function checkOrder(): void {
  if (environmentIsOpen() || !bindingWasOpened()) return;
  throw new QuernError('engine', 'the addon has started ONNX Runtime in this process already');
}
