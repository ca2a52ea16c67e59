import type { PolicyChoice } from '../../quant/policies.js';
import type { SchemeChoice } from '../../quant/schemes.js';

/** Conditions on an operator; all that are given must hold. Only a rule whose `op` is Gather takes embeddings. */
export interface RuleMatch {
  readonly op?: string | readonly string[];
  readonly name?: string | readonly string[];
  readonly layers?: readonly number[];
  readonly minElements?: number;
}

/** A rule of the recipe: operators that match get a scheme, or the one that a policy has for them, or are kept. */
export type Rule = { readonly match: RuleMatch } & (
  | { readonly scheme: SchemeChoice | PolicyChoice }
  | { readonly keep: 'float' }
);
