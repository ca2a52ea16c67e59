import { didYouMean } from '../nearest.js';
import type { ArtifactType, InputSlot } from '../stages/kind.js';
import { either } from './expectation.js';
import type { PreparedStage } from './given-stage.js';
import type { GivenInputs, InputReference } from './inputs.js';
import type { MatrixValue } from './matrix.js';
import { locateKey } from './place.js';
import type { Problems } from './problems.js';
import { isSelected, parseReference } from './variant-name.js';

/** A variant of a stage; the stage itself when no matrix expands it. */
export interface Variant {
  readonly name: string;
  readonly values: readonly MatrixValue[];
  /** Whether the stages it takes something from are all known and right, so that no values are missing. */
  readonly isComplete: boolean;
}

/** The stages that an input may name. Those without a kind have been reported. */
export interface Producers {
  readonly stages: ReadonlyMap<string, PreparedStage | undefined>;
  /** The variants of the stages that have been expanded. */
  readonly variants: ReadonlyMap<string, readonly Variant[]>;
  readonly problems: Problems;
}

const artifactNames: { readonly [type in ArtifactType]: string } = {
  model: 'a model',
  stats: 'stats',
  exported: 'an exported directory',
  report: 'a report',
};

/**
 * The variants that an input names. `rtn[bits=4]` names those with that value, which then tell nothing apart: it is not
 * among their values. Empty when the stage is unknown or broken. Reports unknown stages and ones that make the wrong
 * thing.
 */
export function findProducers(stage: PreparedStage, input: InputReference, producers: Producers): readonly Variant[] {
  const { stages, variants, problems } = producers;
  const { location } = input;
  const reference = parseReference(input.text);
  if (reference === undefined || !stages.has(reference.stage)) {
    const others = [...stages.keys()].filter((name) => name !== stage.name);
    problems.add(location, `unknown stage \`${input.text}\``, didYouMean(reference?.stage ?? input.text, others));
    return [];
  }
  reportWrongArtifact(stage, input, reference.stage, producers);
  const all = variants.get(reference.stage) ?? [];
  const selected = all.filter(({ values }) => isSelected(values, reference));
  if (all.length > 0 && selected.length === 0) {
    const names = all.map(({ name }) => name);
    const suggestion = didYouMean(input.text, names) ?? `its variants are ${namesText(names)}`;
    problems.add(location, `\`${reference.stage}\` has no variant \`${input.text}\``, suggestion);
  }
  return selected.map(({ name, values, isComplete }) => ({
    name,
    isComplete,
    values: values.filter(({ key }) => !reference.selected.has(key)),
  }));
}

/** The first few of many names. */
export function namesText(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
}

function reportWrongArtifact(stage: PreparedStage, input: InputReference, name: string, producers: Producers): void {
  const slot = stage.kind.inputs[input.parameter];
  const made = producers.stages.get(name)?.kind;
  if (slot === undefined || made === undefined || slot.accepts.includes(made.produces)) return;
  const kind = `${/^[aeiou]/.test(made.name) ? 'an' : 'a'} ${made.name} stage`;
  const makes = `\`${name}\` is ${kind}, which makes ${artifactNames[made.produces]}`;
  producers.problems.add(input.location, `\`${input.parameter}\` needs ${accepted(slot)}, but ${makes}`);
}

function accepted(slot: InputSlot): string {
  return either(slot.accepts.map((type) => artifactNames[type]));
}

/** Reports a closed trail of stages at the input that leads from the first to the second. */
export function reportCycle(
  cycle: readonly string[],
  stage: PreparedStage | undefined,
  inputs: readonly GivenInputs[],
  problems: Problems,
): void {
  if (stage === undefined) return;
  const references = inputs.flatMap((one) => one.references);
  const input = references.find(({ text }) => parseReference(text)?.stage === cycle[1]);
  problems.add(
    input?.location ?? locateKey(stage.declaration),
    `stages depend on each other in a cycle: ${cycle.join(' -> ')}`,
  );
}
