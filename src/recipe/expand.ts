import type { PreparedStage, StageContext } from './given-stage.js';
import { type GivenInputs, readInputs } from './inputs.js';
import { join, type Row } from './join.js';
import { combinations, type MatrixValue, maximumVariants } from './matrix.js';
import { dependencyOrder } from './order.js';
import { locateKey } from './place.js';
import { findProducers, type Producers, reportCycle } from './references.js';
import { type ExpandedVariant, readVariant, type StageDraft } from './stage.js';
import { parseReference, variantName } from './variant-name.js';

/** The combinations of a stage's own matrix that have the same inputs. */
interface Group {
  readonly given: GivenInputs;
  readonly combinations: (readonly MatrixValue[])[];
}

/**
 * Expands all stages along their inputs and reads each variant. A stage that names an expanded stage has a variant for
 * each of that stage's; a list gathers them all instead. Inputs that are expanded over the same key have the same value
 * of it, others are crossed. Stages without a kind have been reported, and may be named. Dependencies come first.
 */
export function expandStages(
  stages: ReadonlyMap<string, PreparedStage | undefined>,
  context: StageContext,
): readonly StageDraft[] {
  const groups = new Map<string, readonly Group[]>();
  for (const [name, stage] of stages) groups.set(name, stage === undefined ? [] : groupByInputs(stage, context));
  const { order, cycles } = dependencyOrder([...stages.keys()], (name) => namedStages(groups.get(name) ?? []));
  for (const cycle of cycles) {
    const [first = ''] = cycle;
    const inputs = (groups.get(first) ?? []).map(({ given }) => given);
    reportCycle(cycle, stages.get(first), inputs, context.problems);
  }

  const variants = new Map<string, readonly ExpandedVariant[]>();
  let count = 0;
  return order.flatMap((name) => {
    const stage = stages.get(name);
    if (stage === undefined || count > maximumStages) return [];
    const expanded = expandStage(stage, groups.get(name) ?? [], { stages, variants, problems: context.problems });
    count += expanded.length;
    if (count > maximumStages) {
      const message = `the recipe is expanded to more than ${maximumStages} stages`;
      context.problems.add(locateKey(stage.declaration), message);
      return [];
    }
    variants.set(name, expanded);
    return readVariants(stage, expanded, context);
  });
}

/** How many stages a recipe may have when all are expanded. */
const maximumStages = 30_000;

/** What is wrong with many variants of a stage is shown with the first few. */
const maximumFaultyVariants = 3;

function readVariants(
  stage: PreparedStage,
  variants: readonly ExpandedVariant[],
  context: StageContext,
): readonly StageDraft[] {
  const drafts: StageDraft[] = [];
  let faulty = 0;
  for (const variant of variants) {
    const before = context.problems.count;
    drafts.push(readVariant(stage, variant, context));
    if (context.problems.count > before) faulty++;
    if (faulty === maximumFaultyVariants) break;
  }
  return drafts;
}

function groupByInputs(stage: PreparedStage, context: StageContext): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const combination of combinations(stage.axes)) {
    const given = readInputs(stage, combination, context);
    const identity = JSON.stringify([given.values, given.broken]);
    const known = groups.get(identity);
    if (known === undefined) groups.set(identity, { given, combinations: [combination] });
    else known.combinations.push(combination);
  }
  return [...groups.values()];
}

function namedStages(groups: readonly Group[]): readonly string[] {
  const references = groups.flatMap(({ given }) => given.references);
  return [...new Set(references.flatMap(({ text }) => parseReference(text)?.stage ?? []))];
}

function expandStage(stage: PreparedStage, groups: readonly Group[], producers: Producers): readonly ExpandedVariant[] {
  const { name } = stage;
  const place = locateKey(stage.declaration);
  const variants: ExpandedVariant[] = [];
  for (const group of groups) {
    const { rows, lists, isComplete } = expandGroup(stage, group, producers);
    if (rows.length === 0) {
      const why = 'their matrices give the same key different values';
      producers.problems.add(place, `no variants of the inputs of \`${name}\` go together: ${why}`);
    }
    for (const { values, inputs } of rows) {
      const variant = { name: variantName(name, values), values, given: group.given, inputs: { ...inputs, ...lists } };
      variants.push({ ...variant, isComplete });
    }
    if (variants.length <= maximumVariants) continue;
    producers.problems.add(place, `\`${name}\` is expanded to more than ${maximumVariants} variants`);
    return [];
  }
  return variants;
}

interface ExpandedGroup {
  readonly rows: readonly Row[];
  readonly lists: { readonly [parameter: string]: readonly string[] };
  readonly isComplete: boolean;
}

/** What the inputs bring varies slowest, what the stage's own matrix adds varies fastest. */
function expandGroup(stage: PreparedStage, group: Group, producers: Producers): ExpandedGroup {
  let isComplete = group.given.broken.length === 0;
  let rows: readonly Row[] = [{ values: [], inputs: {} }];
  const lists: { [parameter: string]: readonly string[] } = {};
  for (const [parameter, slot] of Object.entries(stage.kind.inputs)) {
    const references = group.given.references.filter((reference) => reference.parameter === parameter);
    const found = references.flatMap((reference) => findProducers(stage, reference, producers));
    if (slot.list !== true && references.length > 0)
      isComplete &&= found.length > 0 && found.every((one) => one.isComplete);
    if (slot.list === true) {
      if (references.length > 0) lists[parameter] = [...new Set(found.map(({ name }) => name))];
    } else if (found.length > 0) {
      const alternatives = found.map(({ name, values }) => ({ values, inputs: { [parameter]: name } }));
      rows = join(rows, alternatives, maximumVariants);
    }
  }
  const own = group.combinations.map((values) => ({ values, inputs: {} }));
  return { rows: join(rows, own, maximumVariants), lists, isComplete };
}
