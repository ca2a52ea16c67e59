/** Cores and memory that an action takes while it runs. */
export interface ResourceRequest {
  readonly cores: number;
  readonly memoryBytes: number;
}

/**
 * Shares a fixed amount of cores and memory between actions, first come, first served: a large request is not starved
 * by small ones that come later. A request larger than the whole pool gets the whole pool.
 */
export class ResourcePool {
  readonly #capacity: ResourceRequest;
  #free: ResourceRequest;
  readonly #waiting: { readonly request: ResourceRequest; readonly start: () => void }[] = [];

  constructor(capacity: ResourceRequest) {
    this.#capacity = capacity;
    this.#free = capacity;
  }

  /** Resolves when the request is granted, with the function that gives it back. */
  async acquire(wanted: ResourceRequest): Promise<() => void> {
    const request = {
      cores: Math.min(wanted.cores, this.#capacity.cores),
      memoryBytes: Math.min(wanted.memoryBytes, this.#capacity.memoryBytes),
    };
    await new Promise<void>((start) => {
      this.#waiting.push({ request, start });
      this.#grant();
    });
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#free = add(this.#free, request, 1);
      this.#grant();
    };
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const fits = next.request.cores <= this.#free.cores && next.request.memoryBytes <= this.#free.memoryBytes;
      if (!fits) return;
      this.#free = add(this.#free, next.request, -1);
      this.#waiting.shift();
      next.start();
    }
  }
}

function add(left: ResourceRequest, right: ResourceRequest, sign: 1 | -1): ResourceRequest {
  return { cores: left.cores + sign * right.cores, memoryBytes: left.memoryBytes + sign * right.memoryBytes };
}
