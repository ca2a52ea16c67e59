import { readFileSync } from 'node:fs';

const pollMs = 100;
/** Pages of Linux on all processors that Node.js has builds for, but for some arm64 kernels, where this underestimates. */
const pageBytes = 4096;

/**
 * Watches the resident memory of a process, and calls `onExceeded` once when it is more than the limit. Returns the
 * function that ends the watch. Only Linux tells the memory of another process cheaply; elsewhere nothing is watched.
 */
export function watchMemory(pid: number, limitBytes: number, onExceeded: (usedBytes: number) => void): () => void {
  const timer = setInterval(() => {
    const usedBytes = residentBytes(pid);
    if (usedBytes === undefined || usedBytes <= limitBytes) return;
    clearInterval(timer);
    onExceeded(usedBytes);
  }, pollMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Resident memory of a process; `undefined` when it is gone or the system does not tell. */
function residentBytes(pid: number): number | undefined {
  try {
    const [, residentPages] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
    return Number(residentPages) * pageBytes;
  } catch {
    return undefined;
  }
}
