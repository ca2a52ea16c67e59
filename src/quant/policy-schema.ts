import type { JSONSchema } from 'json-schema-to-ts';
import { policyNames } from './policies.js';
import { descriptions } from './scheme-schema.js';
import { schemeNames } from './schemes.js';

const part = { type: 'string', enum: [...schemeNames, 'float'] } as const satisfies JSONSchema;

const policy = {
  type: 'object',
  description: 'Schemes of the linear layers inside and outside of decoder layers',
  additionalProperties: false,
  required: ['blocks', 'others'],
  properties: { blocks: part, others: part },
} as const satisfies JSONSchema;

/** JSON Schema of what a rule gives the layers that it matches: a scheme, or a policy that has one for each. */
export const ruleSchemeSchema = {
  description: 'How weights and activations are represented: a preset, or all of it spelled out',
  anyOf: [{ type: 'string', enum: [...schemeNames, ...policyNames] }, ...descriptions, policy],
} as const satisfies JSONSchema;
