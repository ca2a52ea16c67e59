import { acquireEnvironment, type Environment, releaseEnvironment } from './c-environment.js';
import { type CApi, loadCApi } from './c-functions.js';
import { providersOf } from './c-providers.js';
import { openCSession } from './c-session.js';
import type { Engine, Session, SessionSource, ThreadOptions } from './engine.js';
import type { ExecutionProvider, ProviderRequest } from './execution-provider.js';
import { type ResolvableSessionOptions, resolveSessionOptions } from './session-options.js';

let loading: Promise<CApi> | undefined;

/**
 * ONNX Runtime through its C API. Engines of a process share one thread pool. Throws a `QuernError` where the library or
 * the foreign function interface does not load, and an `Error` while the pool is open with other options.
 */
export async function openCEngine(options: ThreadOptions): Promise<Engine> {
  loading ??= loadCApi();
  const api = await loading;
  return new CEngine(api, acquireEnvironment(api, options));
}

class CEngine implements Engine {
  readonly name = 'c-api';
  readonly version: string;
  readonly threads: number;
  readonly #api: CApi;
  readonly #sessions = new Set<Session>();
  #environment: Environment | undefined;

  constructor(api: CApi, environment: Environment) {
    this.version = api.version;
    this.threads = environment.threads;
    this.#api = api;
    this.#environment = environment;
  }

  openSession(source: SessionSource, options: ResolvableSessionOptions = {}): Session {
    if (this.#environment === undefined) throw new Error('the engine is closed');
    const folder = 'bytes' in source ? source.externalDataFolder : undefined;
    const resolved = resolveSessionOptions(options, folder);
    const session = openCSession(this.#api, this.#environment, source, resolved, (released) =>
      this.#sessions.delete(released),
    );
    this.#sessions.add(session);
    return session;
  }

  openProvider(request: ProviderRequest): ExecutionProvider {
    if (this.#environment === undefined) throw new Error('the engine is closed');
    return providersOf(this.#api, this.#environment).open(request);
  }

  close(): void {
    if (this.#environment === undefined) return;
    for (const session of this.#sessions) session.release();
    this.#environment = undefined;
    releaseEnvironment(this.#api);
  }
}
