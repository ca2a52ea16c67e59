import { QuernError } from '../../errors.js';
import { mulberry32 } from '../../numerics/random.js';
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
