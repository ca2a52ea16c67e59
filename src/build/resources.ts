/** What an action takes while it runs. */
export interface ResourceRequest {
  readonly cores: number;
  readonly memoryBytes: number;
  /** Names of things that one action at a time may use. */
  readonly mutexes?: readonly string[];
}

export type ResourceCapacity = Omit<ResourceRequest, 'mutexes'>;

interface Waiting {
  readonly request: ResourceRequest;
  readonly start: () => void;
}

/**
 * Shares a fixed amount of cores and memory, and named mutexes, between actions, first come, first served: a large request
 * is not starved by small ones that come later. One that only waits for a mutex lets others pass. A request larger than
 * the whole pool gets the whole pool.
 */
export class ResourcePool {
  readonly capacity: ResourceCapacity;
  #free: ResourceCapacity;
  readonly #held = new Set<string>();
  #waiting: readonly Waiting[] = [];

  constructor(capacity: ResourceCapacity) {
    this.capacity = capacity;
    this.#free = capacity;
  }

  /** Resolves when the request is granted, with the function that gives it back. */
  async acquire(wanted: ResourceRequest): Promise<() => void> {
    const request = {
      cores: Math.min(wanted.cores, this.capacity.cores),
      memoryBytes: Math.min(wanted.memoryBytes, this.capacity.memoryBytes),
      mutexes: wanted.mutexes ?? [],
    };
    await new Promise<void>((start) => {
      this.#waiting = [...this.#waiting, { request, start }];
      this.#grant();
    });
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#free = add(this.#free, request, 1);
      for (const name of request.mutexes) this.#held.delete(name);
      this.#grant();
    };
  }

  #grant(): void {
    const stillWaiting: Waiting[] = [];
    let isBlocked = false;
    for (const waiting of this.#waiting) {
      const { cores, memoryBytes, mutexes = [] } = waiting.request;
      const fits = cores <= this.#free.cores && memoryBytes <= this.#free.memoryBytes;
      if (isBlocked || !fits || mutexes.some((name) => this.#held.has(name))) {
        stillWaiting.push(waiting);
        isBlocked ||= !fits;
        continue;
      }
      this.#free = add(this.#free, waiting.request, -1);
      for (const name of mutexes) this.#held.add(name);
      waiting.start();
    }
    this.#waiting = stillWaiting;
  }
}

function add(left: ResourceCapacity, right: ResourceCapacity, sign: 1 | -1): ResourceCapacity {
  return { cores: left.cores + sign * right.cores, memoryBytes: left.memoryBytes + sign * right.memoryBytes };
}
