import { canonicalJson, type Json } from '../json.js';

/** One value that makes a variant what it is. */
export interface VariantValue {
  /** The key of the matrix. */
  readonly key: string;
  readonly value: Json;
  /** The value as it stands in the name. */
  readonly text: string;
}

/** How a value stands in the name of a variant: plainly where it can be told from the rest of the name, else as JSON. */
export function valueText(value: Json): string {
  return typeof value === 'string' && /^[^\s,=[\]{}"\p{Cc}]+$/u.test(value) ? value : canonicalJson(value);
}

/** `rtn[bits=4,group=32]`; the plain name for a stage that no matrix expands. */
export function variantName(stage: string, values: readonly VariantValue[]): string {
  return values.length === 0 ? stage : `${stage}[${values.map(({ key, text }) => `${key}=${text}`).join(',')}]`;
}

/** A stage as a reference names it: with all its variants, or with those that have certain values. */
export interface StageReference {
  readonly stage: string;
  /** Key of the matrix -> text of the value. */
  readonly selected: ReadonlyMap<string, string>;
}

/** Reads `rtn`, `rtn[bits=4]` or `rtn[bits=4,group=32]`; `undefined` when the text has another form. */
export function parseReference(text: string): StageReference | undefined {
  const [, stage, inBrackets] = /^([^[\]]+)(?:\[(.+)\])?$/s.exec(text) ?? [];
  if (stage === undefined) return undefined;
  const selected = new Map<string, string>();
  for (const part of inBrackets === undefined ? [] : splitValues(inBrackets)) {
    const [, key, value] = /^([^=]+)=(.+)$/s.exec(part) ?? [];
    if (key === undefined || value === undefined) return undefined;
    selected.set(key.trim(), value.trim());
  }
  return { stage, selected };
}

/** Whether a variant has all the values that a reference selects. */
export function isSelected(values: readonly VariantValue[], { selected }: StageReference): boolean {
  return [...selected].every(([key, text]) => values.some((one) => one.key === key && one.text === text));
}

/** Splits at the commas that stand in no text, list or mapping. */
function splitValues(text: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    else if (token === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)];
}
