import { QuernError } from '../../errors.js';
import type { TokenWindows } from '../../text/windows.js';

/**
 * Draws `count` of the windows at random, without repeating one: the first steps of a Fisher-Yates shuffle, driven by
 * mulberry32, so that a seed means the same windows on every machine.
 */
export function drawWindows(all: TokenWindows, count: number, seed: number): Int32Array[] {
  if (count > all.count) {
    throw new QuernError(
      'input',
      `the text has ${all.count} windows of ${all.length} tokens, fewer than the ${count} to draw`,
      {
        suggestion: `take a longer text or windows: ${all.count}`,
      },
    );
  }
  const next = mulberry32(seed);
  const order = Array.from({ length: all.count }, (_, index) => index);
  for (let index = 0; index < count; index++) {
    const other = index + Math.floor(next() * (all.count - index));
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  return order.slice(0, count).map((index) => all.at(index));
}

/** Tommy Ettinger's 32-bit generator: numbers from 0 (included) to 1 (excluded). */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
