import { nearest } from '../nearest.js';
import type { ResolvedStage } from './load.js';
import { isSelected, parseReference } from './variant-name.js';

/**
 * The stages that a name on the command line stands for, in the order of the recipe: the one of exactly that name; else
 * all variants of a stage, or those with certain values (`rtn[bits=4]`); else all whose name matches, with `*` for any
 * text. Empty when there are none.
 */
export function matchingStages(stages: readonly ResolvedStage[], pattern: string): readonly ResolvedStage[] {
  const exact = stages.filter(({ name }) => name === pattern);
  if (exact.length > 0) return exact;
  const reference = parseReference(pattern);
  const selected =
    reference === undefined
      ? []
      : stages.filter(({ family, variant }) => family === reference.stage && isSelected(variant, reference));
  return selected.length > 0 || !pattern.includes('*') ? selected : stages.filter(({ name }) => matches(name, pattern));
}

/** The stage, or the variant, that a name without a match was probably meant for. */
export function nearestStage(stages: readonly ResolvedStage[], name: string): string | undefined {
  const families = stages.map(({ family }) => family);
  return nearest(name, new Set([...families, ...stages.map((stage) => stage.name)]));
}

/** Whether a name matches a pattern in which `*` stands for any text. */
function matches(name: string, pattern: string): boolean {
  const parts = pattern.split('*');
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let position = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return position <= name.length - last.length;
}
