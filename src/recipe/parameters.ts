import { createRequire } from 'node:module';
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonObject } from '../json.js';
import { didYouMean, nearest } from '../nearest.js';
import type { InputSlot, StageKind } from '../stages/kind.js';
import { type CheckedParameters, checkedKey } from './checked-parameters.js';
import type { Pointer } from './document.js';
import { shown } from './expectation.js';
import { type SchemaFinding, schemaFindings } from './schema-findings.js';
import { stageSchema } from './stage-schema.js';

/** A problem of the parameters of one stage. Pointers start at the stage. */
export interface ParameterProblem {
  readonly pointer: Pointer;
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly suggestion?: string | undefined;
}

interface Validator {
  readonly schema: JsonObject;
  readonly validate: ValidateFunction;
}

const validators = new WeakMap<StageKind, Validator>();
let sharedAjv: Ajv2020 | undefined;

/** Compiling is the slow part, so only the kinds that a recipe uses are compiled, and each once in a process. */
function validatorOf(kind: StageKind): Validator {
  const known = validators.get(kind);
  if (known !== undefined) return known;
  sharedAjv ??= createAjv();
  const schema = stageSchema(kind);
  const validator = { schema, validate: sharedAjv.compile(schema) };
  validators.set(kind, validator);
  return validator;
}

/** Loading Ajv takes longer than all of a build that has nothing to do, and such a build has nothing to check. */
function createAjv(): Ajv2020 {
  const { Ajv2020: Ajv }: typeof import('ajv/dist/2020.js') = createRequire(import.meta.url)('ajv/dist/2020.js');
  return new Ajv({
    allErrors: true,
    verbose: true,
    useDefaults: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    // Checking the schemas against the schema of schemas, and tuning code that runs a few times, take longer than all
    // the rest. The published schema, which contains them, is checked by a test.
    meta: false,
    validateSchema: false,
    code: { optimize: false },
  });
}

/**
 * Checks the parameters and inputs of a stage (without `kind`, `gates` and `matrix`) and fills in defaults, in place. What stands
 * at a `broken` pointer is not judged. What `checked` knows is not checked again.
 */
export function checkParameters(
  kind: StageKind,
  parameters: JsonObject,
  broken: readonly Pointer[],
  checked?: CheckedParameters,
): readonly ParameterProblem[] {
  const key = checked === undefined ? '' : checkedKey(kind, parameters);
  const filledIn = checked?.find(key);
  if (filledIn !== undefined) {
    Object.assign(parameters, structuredClone(filledIn));
    return [];
  }
  const { schema, validate } = validatorOf(kind);
  if (validate(parameters)) {
    checked?.add(key, structuredClone(parameters));
    return [];
  }
  const findings = schemaFindings(validate.errors ?? [], schema, broken);
  const misspelt = new Set(findings.flatMap((finding) => (finding.type === 'unknown' ? meantKey(finding) : [])));
  return findings
    .filter((finding) => finding.type !== 'missing' || !misspelt.has(keyIdentity(finding.pointer, finding.name)))
    .map((finding) => describe(finding, kind));
}

/** The key that a misspelt one stands for: that it is missing has the same cause. */
function meantKey(finding: SchemaFinding & { readonly type: 'unknown' }): readonly string[] {
  const meant = nearest(finding.name, finding.known);
  return meant === undefined ? [] : [keyIdentity(finding.pointer, meant)];
}

function keyIdentity(parent: Pointer, name: string): string {
  return JSON.stringify([...parent, name]);
}

function describe(finding: SchemaFinding, kind: StageKind): ParameterProblem {
  const { pointer } = finding;
  const isTop = pointer.length === 0;
  switch (finding.type) {
    case 'unknown': {
      const { name } = finding;
      const known = isTop ? [...finding.known, 'kind', 'gates', 'resources', 'matrix'] : finding.known;
      const meant = nearest(name, known);
      const message = isTop
        ? `unknown parameter \`${name}\` of kind ${kind.name}`
        : `unknown key \`${name}\` in \`${pointerText(pointer)}\``;
      const suggestion = meant === undefined ? knownNames(known) : `did you mean \`${meant}\`?`;
      return { pointer: [...pointer, name], part: 'key', message, suggestion };
    }
    case 'missing': {
      const { name } = finding;
      if (!isTop) return { pointer, part: 'key', message: `\`${pointerText(pointer)}\` has no \`${name}\`` };
      const suggestion = Object.hasOwn(kind.inputs, name) ? inputHint(kind.inputs[name]) : undefined;
      return { pointer, part: 'key', message: `missing parameter \`${name}\` of kind ${kind.name}`, suggestion };
    }
    case 'value': {
      const [name = ''] = pointer;
      const slot = Object.hasOwn(kind.inputs, name) ? kind.inputs[name] : undefined;
      const about = isTop ? `the kind ${kind.name}` : `\`${pointerText(pointer)}\``;
      const message = slot === undefined ? finding.message : inputMessage(slot, pointer, finding.value);
      return { pointer, part: 'value', message: `${about} ${message}`, suggestion: nearestValue(finding) };
    }
  }
}

function inputHint(slot: InputSlot | undefined): string {
  return slot?.list === true ? 'it is a list of names of stages' : 'it names a stage';
}

function inputMessage({ list }: InputSlot, pointer: Pointer, value: unknown): string {
  const needed = list === true && pointer.length === 1 ? 'a list of names of stages' : 'the name of a stage';
  return `must be ${needed}, got ${shown(value)}`;
}

function nearestValue(finding: SchemaFinding & { readonly type: 'value' }): string | undefined {
  // A single allowed text is in the message already.
  if (typeof finding.value !== 'string' || finding.allowed.length < 2) return undefined;
  return didYouMean(finding.value, finding.allowed);
}

function knownNames(names: readonly string[]): string | undefined {
  return names.length === 0 || names.length > 12 ? undefined : `known are ${names.join(', ')}`;
}

/** A pointer as it is written in messages: `rules[0].scheme`. */
export function pointerText(pointer: Pointer): string {
  const parts = pointer.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`));
  return parts.join('').replace(/^\./, '');
}
