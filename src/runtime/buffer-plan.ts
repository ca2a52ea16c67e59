/** A value between units: when it is written and last read, as places in the order of units. */
export interface ValueLifetime {
  readonly name: string;
  readonly sizeBytes: number;
  readonly writtenAt: number;
  /** `Infinity` for what is read after the last unit. */
  readonly lastReadAt: number;
}

export interface BufferPlan {
  /** Size of each buffer. */
  readonly sizesBytes: readonly number[];
  /** By name, the index of the buffer a value is in. */
  readonly bufferOf: ReadonlyMap<string, number>;
}

/**
 * Shares buffers between values that are not needed at the same time. A unit never writes into a buffer it reads. A value
 * gets the smallest free buffer that holds it, or the largest one made larger. `lifetimes` are in the order of writing.
 */
export function planBuffers(lifetimes: readonly ValueLifetime[]): BufferPlan {
  const buffers: { sizeBytes: number; busyUntil: number }[] = [];
  const bufferOf = new Map<string, number>();
  for (const { name, sizeBytes, writtenAt, lastReadAt } of lifetimes) {
    const free = [...buffers.entries()]
      .filter(([, buffer]) => buffer.busyUntil < writtenAt)
      .sort(([, a], [, b]) => a.sizeBytes - b.sizeBytes);
    const [index, buffer] = free.find(([, candidate]) => candidate.sizeBytes >= sizeBytes) ?? free.at(-1) ?? [];
    const busyUntil = Math.max(writtenAt, lastReadAt);
    bufferOf.set(name, index ?? buffers.length);
    if (buffer === undefined) buffers.push({ sizeBytes, busyUntil });
    else Object.assign(buffer, { sizeBytes: Math.max(buffer.sizeBytes, sizeBytes), busyUntil });
  }
  return { sizesBytes: buffers.map(({ sizeBytes }) => sizeBytes), bufferOf };
}
