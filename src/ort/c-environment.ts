import type { CApi, Pointer } from './c-functions.js';
import { closeProviders } from './c-providers.js';
import { check, create } from './c-status.js';
import type { ThreadOptions } from './engine.js';

/** What the sessions of a process share: the thread pool, and how memory is described. */
export interface Environment extends ThreadOptions {
  readonly env: Pointer;
  readonly memoryInfo: Pointer;
  /** ONNX Runtime's own, never released. */
  readonly allocator: Pointer;
}

let current: Environment | undefined;
let users = 0;

/** Whether an engine of this process has the environment open. */
export function environmentIsOpen(): boolean {
  return users > 0;
}

/** Errors are returned by each call, so nothing below a fatal one is printed. */
const fatalLogLevel = 4;
const deviceAllocator = 0;
const defaultMemory = 0;

/**
 * The environment of this process, made on first use. ONNX Runtime has one at a time, so a second user has to want the
 * same threads. Each call is paired with `releaseEnvironment`.
 */
export function acquireEnvironment(api: CApi, options: ThreadOptions): Environment {
  if (current === undefined) current = createEnvironment(api, options);
  else if (current.threads !== options.threads || current.spin !== options.spin) {
    const open = `${current.threads} threads${current.spin ? ', spinning' : ''}`;
    throw new Error(`ONNX Runtime is open with ${open} in this process: close that engine before opening another kind`);
  }
  users++;
  return current;
}

/** Frees the environment when its last user is gone. */
export function releaseEnvironment(api: CApi): void {
  users--;
  if (users > 0 || current === undefined) return;
  closeProviders(current);
  api.functions.ReleaseMemoryInfo(current.memoryInfo);
  api.functions.ReleaseEnv(current.env);
  current = undefined;
}

function createEnvironment(api: CApi, options: ThreadOptions): Environment {
  const action = 'ONNX Runtime does not start';
  const { functions } = api;
  const threading = create(api, action, functions.CreateThreadingOptions);
  try {
    check(api, action, functions.SetGlobalIntraOpNumThreads(threading, options.threads));
    check(api, action, functions.SetGlobalInterOpNumThreads(threading, 1));
    check(api, action, functions.SetGlobalSpinControl(threading, options.spin ? 1 : 0));
    const env = create(api, action, (out) =>
      functions.CreateEnvWithGlobalThreadPools(fatalLogLevel, 'quern', threading, out),
    );
    const memoryInfo = create(api, action, (out) => functions.CreateCpuMemoryInfo(deviceAllocator, defaultMemory, out));
    const allocator = create(api, action, functions.GetAllocatorWithDefaultOptions);
    return { ...options, env, memoryInfo, allocator };
  } finally {
    functions.ReleaseThreadingOptions(threading);
  }
}
