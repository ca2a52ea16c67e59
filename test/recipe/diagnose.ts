import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecipe } from '../../src/recipe/load.js';
import { fakeKinds } from './fake-kinds.js';

/** The diagnostics of a text, one a line: `line:column message; suggestion`. */
export function diagnose(text: string, set: { readonly [name: string]: string } = {}): readonly string[] {
  const loaded = parseRecipe(text, 'r.yaml', { kinds: fakeKinds, set: new Map(Object.entries(set)) });
  if (loaded.ok) return [];
  return loaded.diagnostics.map(({ location, message, suggestion }) => {
    const place = location.line === undefined ? location.file : `${location.line}:${location.column}`;
    return `${place} ${message}${suggestion === undefined ? '' : `; ${suggestion}`}`;
  });
}

/** A text (or a part of one) and its diagnostics. */
export type Case = readonly [name: string, text: string, expected: readonly string[]];

/** Adds a test for each case. `wrap` makes a recipe of the text of a case. */
export function check(group: string, cases: readonly Case[], wrap: (text: string) => string = (text) => text): void {
  for (const [name, text, expected] of cases) {
    test(`${group}: ${name}`, () => assert.equal(diagnose(wrap(text)), expected));
  }
}
