import { QuernError } from '../../errors.js';
import type { Graph } from '../../onnx/ir.js';
import { splitPrologue } from '../../runtime/prologue.js';
import { canReadInParts } from '../../runtime/row-wise.js';

/**
 * Tokens of a window that are read together where it can be read in several passes. Attention multiplies all pairs of
 * tokens it is given and throws away those of later keys, half of them in a window read at once. Shorter passes would save
 * little more, and MatMulNBits unpacks its weights in each.
 */
export const passTokens = 256;

/** Some of the tokens of a window. */
export interface WindowPass {
  readonly start: number;
  readonly tokens: number;
}

/** The passes in which a window is read, in order. */
export function windowPasses(length: number, tokens: number): readonly WindowPass[] {
  const count = Math.ceil(length / tokens);
  return Array.from({ length: count }, (_, pass) => {
    const start = pass * tokens;
    return { start, tokens: Math.min(tokens, length - start) };
  });
}

/** Whether a decoder or a part of one gives the same results, rounding apart, when a window is read in several passes. */
export function readsInPasses(graph: Graph): boolean {
  try {
    return canReadInParts(splitPrologue(graph).rest);
  } catch (error) {
    if (error instanceof QuernError) return false;
    throw error;
  }
}
