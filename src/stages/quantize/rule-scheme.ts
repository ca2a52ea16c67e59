import { isPolicyChoice, type Policy, type PolicyChoice, policyText, resolvePolicy } from '../../quant/policies.js';
import { resolveScheme, type Scheme, type SchemeChoice, schemeText } from '../../quant/schemes.js';

/** What a rule gives the operators that it matches, written out. */
export function resolveRuleScheme(choice: SchemeChoice | PolicyChoice): Scheme | Policy {
  return isPolicyChoice(choice) ? resolvePolicy(choice) : resolveScheme(choice);
}

/** The scheme for an operator in a decoder layer or outside, or `undefined` if a policy keeps it. */
export function schemeFor(
  choice: SchemeChoice | PolicyChoice,
  { decoderLayer }: { readonly decoderLayer: number | undefined },
): Scheme | undefined {
  const scheme = resolveRuleScheme(choice);
  if (!('blocks' in scheme)) return scheme;
  const chosen = decoderLayer === undefined ? scheme.others : scheme.blocks;
  return chosen === 'float' ? undefined : chosen;
}

/** The name of a preset, or the full description as text. */
export function ruleSchemeText(choice: SchemeChoice | PolicyChoice): string {
  const scheme = resolveRuleScheme(choice);
  return 'blocks' in scheme ? policyText(scheme) : schemeText(scheme);
}
