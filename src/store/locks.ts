import { closeSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { systemErrorCode } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { Layout } from './layout.js';
import type { LockMode } from './locked-file.js';
import { openLocked, removeLocked } from './locked-file.js';
import { storageError } from './storage-error.js';

/** Who holds a lock, or one of those who share it. Told by themselves: good for messages, not for decisions. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  readonly purpose: string;
}

export interface Lock {
  release(): void;
}

export interface AcquireOptions {
  /** What the lock is for, told to those who wait for it. */
  readonly purpose?: string;
  /** Called once, if the lock has to be waited for. The holder may be unknown. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
  /** Ends the wait: `acquire` then rejects with the reason of the abort. */
  readonly signal?: AbortSignal;
}

/** `held by pid 4711 on build-host`. */
export function describeHolder(holder: LockHolder | undefined): string {
  return holder === undefined ? 'held by another process' : `held by pid ${holder.pid} on ${holder.host}`;
}

const firstPauseMs = 5;
const longestPauseMs = 100;
/** Fixed, so that a holder replaces the text of the one before it in one write. */
const holderTextBytes = 512;

/**
 * Locks by name between processes, and between parts of one. The kernel drops them when their process ends, also by
 * SIGKILL. A lock file may outlive its lock, which has no effect.
 */
export class Locks {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Takes a lock if it is free. `undefined` when it is not. */
  tryAcquire(name: string, mode: LockMode, purpose = ''): Lock | undefined {
    const path = this.#path(name);
    try {
      const descriptor = openLocked(path, mode);
      if (descriptor === undefined) return undefined;
      writeHolder(descriptor, purpose);
      let isHeld = true;
      const release = (): void => {
        if (!isHeld) return;
        isHeld = false;
        // Others may share the lock and need the file to exclude those who want it for themselves.
        if (mode === 'shared') closeSync(descriptor);
        else removeLocked(path, descriptor);
      };
      return { release };
    } catch (error) {
      throw storageError(error, this.#layout.locks);
    }
  }

  /**
   * Takes a lock, waiting until it is free. It is asked for again and again (every 0.1 s in the end) because a wait
   * inside the kernel would occupy a thread of the pool and could not be cancelled.
   */
  async acquire(name: string, mode: LockMode, options: AcquireOptions = {}): Promise<Lock> {
    let pauseMs = 0;
    for (;;) {
      options.signal?.throwIfAborted();
      const lock = this.tryAcquire(name, mode, options.purpose);
      if (lock !== undefined) return lock;
      if (pauseMs === 0) options.onWait?.(this.holder(name));
      pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
      await setTimeout(pauseMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }

  /** Who holds a lock as far as that is known. May name one who no longer does. */
  holder(name: string): LockHolder | undefined {
    try {
      return parseHolder(JSON.parse(readFileSync(this.#path(name), 'utf8')));
    } catch {
      return undefined;
    }
  }

  #path(name: string): string {
    if (!/^[\w.-]{1,200}$/.test(name)) throw new Error(`${JSON.stringify(name)} can't be the name of a lock`);
    return this.#layout.lock(name);
  }
}

/** On a full disk the lock is held all the same, only nobody is told by whom. */
function writeHolder(descriptor: number, purpose: string): void {
  const holder: LockHolder = { pid: process.pid, host: hostname(), purpose: purpose.slice(0, 100) };
  try {
    writeSync(descriptor, Buffer.from(JSON.stringify(holder).padEnd(holderTextBytes)), 0, holderTextBytes, 0);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') return;
    closeSync(descriptor);
    throw error;
  }
}

function parseHolder(value: unknown): LockHolder | undefined {
  if (!isJsonObject(value)) return undefined;
  const { pid, host, purpose } = value;
  if (typeof pid !== 'number' || typeof host !== 'string' || typeof purpose !== 'string') return undefined;
  return { pid, host, purpose };
}
