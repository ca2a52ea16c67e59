import { QuernError } from '../../errors.js';
import type { RefusedGroup, ScalingGroup, ScalingGroups } from '../../models/scaling-groups.js';
import { findScalingGroups } from '../../models/scaling-groups.js';
import { nearest } from '../../nearest.js';
import type { Graph } from '../../onnx/ir.js';

/** A group as a recipe names it: what makes the channels, which is a norm or a linear layer, and all that reads them. */
export type GroupOverride = ({ readonly norm: string } | { readonly layer: string }) & {
  readonly linear: readonly string[];
};

/** Groups behind norms, all that are exact, or those named. */
export type GroupChoice = 'norms' | 'extended' | readonly GroupOverride[];

/**
 * The groups found in a graph, or those of them that the recipe names. A named group must be one that the structure of the
 * graph allows: its channels may be read by these layers and nothing else, or smoothing would change the function.
 */
export function chooseGroups(graph: Graph, choice: GroupChoice): ScalingGroups {
  const found = findScalingGroups(graph);
  if (choice !== 'norms' && choice !== 'extended') {
    return { groups: choice.map((override) => requireGroup(found, override)), refused: [] };
  }
  const groups = found.groups.filter(({ linear }) => choice === 'extended' || linear === undefined);
  const refused = found.refused.filter(({ isNorm }) => choice === 'extended' || isNorm);
  if (groups.length > 0) return { groups, refused };
  throw new QuernError('stage', `the model has nothing to smooth${refused.map(refusalLine).join('')}`);
}

function refusalLine({ name, reason }: RefusedGroup): string {
  return `\n  ${name}: ${reason}`;
}

function requireGroup({ groups, refused }: ScalingGroups, override: GroupOverride): ScalingGroup {
  const [what, name] = 'norm' in override ? ['norm', override.norm] : ['layer', override.layer];
  const candidates = groups.filter(({ linear }) => (linear === undefined) === (what === 'norm'));
  const group = candidates.find(({ source }) => source === name);
  if (group === undefined) {
    const reason = refused.find((each) => each.name === name || override.linear.includes(each.name))?.reason;
    if (reason !== undefined) throw new QuernError('stage', `the ${what} ${name} can't be smoothed: ${reason}`);
    const names = candidates.map(({ source }) => source);
    const near = nearest(name, names);
    throw new QuernError('stage', `the model has no ${what} ${name} that can be smoothed`, {
      suggestion: near === undefined ? `those that can are ${names.join(', ')}` : `did you mean ${near}?`,
    });
  }
  const members = group.layers.map((layer) => layer.name);
  const isSame = members.length === override.linear.length && members.every((each) => override.linear.includes(each));
  if (isSame) return group;
  throw new QuernError(
    'stage',
    `the ${what} ${name} is read by ${members.join(', ')}, not by ${override.linear.join(', ')}`,
    { suggestion: 'a group has to name every layer that reads it' },
  );
}
