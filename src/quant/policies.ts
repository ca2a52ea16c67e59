import type { JsonObject } from '../json.js';
import { canonicalJson } from '../json.js';
import type { Scheme, SchemeChoice, SchemeName } from './schemes.js';
import { resolveScheme } from './schemes.js';

/** Schemes by where a linear layer stands. */
export interface Policy<Choice = Scheme> {
  /** Of the layers inside of decoder layers. */
  readonly blocks: Choice | 'float';
  /** Of those outside, the head among them. */
  readonly others: Choice | 'float';
}

export const policyNames = ['awq', 'awqplus', 'pergrp'] as const;

export type PolicyName = (typeof policyNames)[number];

/** A policy as a recipe gives it. */
export type PolicyChoice = PolicyName | Policy<SchemeName>;

/** The algorithms of AMD's run_awq.py (Ryzen AI 1.2): which layers are in groups, and of which size. */
const presets: { readonly [Name in PolicyName]: Policy } = {
  awq: { blocks: resolveScheme('w4-g128'), others: 'float' },
  awqplus: { blocks: resolveScheme('w4-g128'), others: resolveScheme('w4-g32') },
  pergrp: { blocks: resolveScheme('w4-g128'), others: resolveScheme('w4-g128') },
};

export function isPolicyChoice(choice: SchemeChoice | PolicyChoice): choice is PolicyChoice {
  return typeof choice === 'string' ? policyNames.some((name) => name === choice) : 'blocks' in choice;
}

/** The full description of a policy. */
export function resolvePolicy(choice: PolicyChoice): Policy {
  if (typeof choice === 'string') return presets[choice];
  const resolve = (part: SchemeName | 'float'): Scheme | 'float' => (part === 'float' ? part : resolveScheme(part));
  return { blocks: resolve(choice.blocks), others: resolve(choice.others) };
}

/** The name of the preset that a policy is, or its full description as text. */
export function policyText(policy: Policy): string {
  const text = (one: Policy): string => canonicalJson(one as unknown as JsonObject);
  return policyNames.find((name) => text(presets[name]) === text(policy)) ?? text(policy);
}
