import { didYouMean } from '../nearest.js';
import type { ArtifactType, InputSlot } from '../stages/kind.js';
import { either } from './expectation.js';
import { dependencyOrder } from './order.js';
import type { Problems } from './problems.js';
import type { StageDraft } from './stage.js';

const artifactNames: { readonly [type in ArtifactType]: string } = {
  model: 'a model',
  stats: 'stats',
  exported: 'an exported directory',
  report: 'a report',
};

/**
 * Looks up the stages that inputs name, and reports unknown ones, ones that make the wrong thing, and cycles. A stage
 * without a draft has been reported and may be named. Returns the drafts with dependencies first.
 */
export function resolveReferences(
  drafts: ReadonlyMap<string, StageDraft | undefined>,
  problems: Problems,
): readonly StageDraft[] {
  for (const draft of drafts.values()) {
    if (draft !== undefined) checkInputs(draft, drafts, problems);
  }
  const { order, cycles } = dependencyOrder([...drafts.keys()], (name) =>
    Object.values(drafts.get(name)?.inputs ?? {}),
  );
  for (const cycle of cycles) reportCycle(cycle, drafts, problems);
  return order.flatMap((name) => drafts.get(name) ?? []);
}

function checkInputs(draft: StageDraft, drafts: ReadonlyMap<string, StageDraft | undefined>, problems: Problems): void {
  for (const [parameter, input] of Object.entries(draft.inputs)) {
    const pointer = ['stages', draft.name, parameter];
    if (!drafts.has(input)) {
      const others = [...drafts.keys()].filter((name) => name !== draft.name);
      const suggestion = didYouMean(input, others);
      problems.add({ pointer, part: 'value', message: `unknown stage \`${input}\``, suggestion });
      continue;
    }
    const slot = draft.kind.inputs[parameter];
    const made = drafts.get(input)?.kind;
    if (slot === undefined || made === undefined || slot.accepts.includes(made.produces)) continue;
    const kind = `${/^[aeiou]/.test(made.name) ? 'an' : 'a'} ${made.name} stage`;
    const makes = `\`${input}\` is ${kind}, which makes ${artifactNames[made.produces]}`;
    problems.add({ pointer, part: 'value', message: `\`${parameter}\` needs ${accepted(slot)}, but ${makes}` });
  }
}

function accepted(slot: InputSlot): string {
  return either(slot.accepts.map((type) => artifactNames[type]));
}

function reportCycle(
  cycle: readonly string[],
  drafts: ReadonlyMap<string, StageDraft | undefined>,
  problems: Problems,
): void {
  const [first = '', second] = cycle;
  const inputs = Object.entries(drafts.get(first)?.inputs ?? {});
  const parameter = inputs.find(([, input]) => input === second)?.[0];
  problems.add({
    pointer: ['stages', first, ...(parameter === undefined ? [] : [parameter])],
    part: 'value',
    message: `stages depend on each other in a cycle: ${cycle.join(' -> ')}`,
  });
}
