import { QuernError } from '../../errors.js';
import type { SmoothingGroup } from '../../models/smoothing-groups.js';
import { findSmoothingGroups } from '../../models/smoothing-groups.js';
import { nearest } from '../../nearest.js';
import type { Graph } from '../../onnx/ir.js';

/** A group as a recipe names it. */
export interface GroupOverride {
  readonly norm: string;
  readonly linear: readonly string[];
}

/**
 * The groups found in a graph, or those of them that the recipe names. A named group must be one that the structure of the
 * graph allows: the norm's output may be read by these layers and nothing else, or smoothing would change the function.
 */
export function chooseGroups(graph: Graph, overrides: readonly GroupOverride[] | undefined): readonly SmoothingGroup[] {
  const found = findSmoothingGroups(graph);
  const groups = overrides === undefined ? found.groups : overrides.map((override) => requireGroup(found, override));
  for (const { norm, layers } of groups)
    requireOwnConstants([...norm.inputs.slice(1), ...layers.map(({ weight }) => weight)]);
  if (groups.length > 0) return groups;
  const reasons = found.refused.map(({ norm, reason }) => `${norm.name}: ${reason}`);
  throw new QuernError(
    'stage',
    `the model has no norm whose output only linear layers read${reasons.map((text) => `\n  ${text}`).join('')}`,
  );
}

function requireGroup(
  { groups, refused }: ReturnType<typeof findSmoothingGroups>,
  override: GroupOverride,
): SmoothingGroup {
  const group = groups.find(({ norm }) => norm.name === override.norm);
  if (group === undefined) {
    const reason = refused.find(({ norm }) => norm.name === override.norm)?.reason;
    if (reason !== undefined) throw new QuernError('stage', `the norm ${override.norm} can't be smoothed: ${reason}`);
    const names = [...groups, ...refused].map(({ norm }) => norm.name);
    const near = nearest(override.norm, names);
    throw new QuernError('stage', `the model has no norm ${override.norm}`, {
      suggestion: near === undefined ? `its norms are ${names.join(', ')}` : `did you mean ${near}?`,
    });
  }
  const members = group.layers.map(({ name }) => name);
  const isSame = members.length === override.linear.length && members.every((name) => override.linear.includes(name));
  if (isSame) return group;
  throw new QuernError(
    'stage',
    `the norm ${override.norm} is read by ${members.join(', ')}, not by ${override.linear.join(', ')}`,
    {
      suggestion: 'a group has to name every layer that reads the norm',
    },
  );
}

type Constants = readonly SmoothingGroup['norm']['inputs'][number][];

/** A constant that something else reads as well can't be scaled for one group alone. */
function requireOwnConstants(constants: Constants): void {
  for (const value of constants) {
    if (value === undefined || value.uses.length === 1) continue;
    throw new QuernError('stage', `${value.name} is shared by ${value.uses.length} operators, so it can't be smoothed`);
  }
}
