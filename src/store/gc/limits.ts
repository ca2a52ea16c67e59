import type { StatsFs } from 'node:fs';

/** How large and how old a store may become. What is left out is not bounded. */
export interface Bounds {
  /** Bytes of records, trees and blobs. */
  readonly maxSizeBytes?: number;
  /** Time since the last use. */
  readonly maxAgeMs?: number;
  /** Free space on the file system of the store. */
  readonly minFreeBytes?: number;
  /** The share of the maximum size by which a store that is larger comes down below it. */
  readonly headroom?: number;
}

const largestDefaultBytes = 100 * 1024 ** 3;
const defaultShareOfDisk = 1 / 5;

/** 100 GiB or a fifth of the disk, whichever is smaller. */
export function defaultMaxSizeBytes({ blocks, bsize }: StatsFs): number {
  return Math.min(largestDefaultBytes, Math.floor(blocks * bsize * defaultShareOfDisk));
}

/** The size a store of `sizeBytes` has to come down to. */
export function targetBytes(bounds: Bounds, sizeBytes: number, disk: StatsFs): number {
  const missingBytes = (bounds.minFreeBytes ?? 0) - disk.bavail * disk.bsize;
  const forFreeSpace = missingBytes > 0 ? sizeBytes - missingBytes : Number.POSITIVE_INFINITY;
  const maxSizeBytes = bounds.maxSizeBytes ?? defaultMaxSizeBytes(disk);
  const isTooLarge = sizeBytes > maxSizeBytes;
  const forSize = isTooLarge ? Math.floor(maxSizeBytes * (1 - (bounds.headroom ?? 0))) : maxSizeBytes;
  return Math.max(0, Math.min(forSize, forFreeSpace));
}
