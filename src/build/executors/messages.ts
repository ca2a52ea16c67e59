import type { Progress } from '../../stages/kind.js';

/** The one message an action process sends while it runs. Anything else is ignored. */
export function parseMessage(message: unknown): Progress | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { done, total, unit } = message as { readonly [name: string]: unknown };
  if (typeof done !== 'number' || typeof total !== 'number' || typeof unit !== 'string') return undefined;
  return { done, total, unit };
}
