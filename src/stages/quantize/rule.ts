import type { SchemeChoice } from '../../quant/schemes.js';

/** Conditions on a linear layer; all that are given must hold. */
export interface RuleMatch {
  readonly op?: string | readonly string[];
  readonly name?: string | readonly string[];
  readonly layers?: readonly number[];
  readonly minElements?: number;
}

/** A rule of the recipe: layers that match get a scheme or are kept. */
export type Rule = { readonly match: RuleMatch } & ({ readonly scheme: SchemeChoice } | { readonly keep: 'float' });
