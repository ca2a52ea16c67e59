import { isJsonObject } from '../json.js';
import { membersOf, type Outline, type PlacedPath } from './outline.js';
import { locateKey, locateValue, type Placed } from './place.js';
import type { Problems } from './problems.js';

export type Members = ReadonlyMap<string, Placed>;

/** A stage as the files of a recipe give it together. */
export interface GivenStage {
  readonly name: string;
  /** The stage in the file that had the last word. Its value is no mapping when the stage is wrong. */
  readonly declaration: Placed;
  /** Parameters, `kind`, `gates` and `matrix`. */
  readonly members: Members;
  /** Parameters of a base that are taken away. A default does not bring them back. */
  readonly removed: ReadonlySet<string>;
}

/** What the files of a recipe say together. */
export interface Composition {
  readonly vars: Members;
  /** Kind -> parameter -> value. */
  readonly defaults: ReadonlyMap<string, Members>;
  readonly stages: ReadonlyMap<string, GivenStage>;
}

export const emptyComposition: Composition = { vars: new Map(), defaults: new Map(), stages: new Map() };

/** What one file says by itself. */
export function ownComposition({ vars, defaults, stages }: Outline): Composition {
  return { vars, defaults, stages: new Map([...stages].map(([name, placed]) => [name, givenStage(name, placed)])) };
}

function givenStage(name: string, declaration: Placed): GivenStage {
  return { name, declaration, members: membersOf(declaration), removed: new Set() };
}

/**
 * Lays a file over its base. Variables and defaults replace those of the same name, the parameters of a stage replace
 * those of the stage of the same name; `null` takes a stage or a parameter of the base away.
 */
export function override(base: Composition, over: Composition): Composition {
  const stages = new Map(base.stages);
  for (const [name, stage] of over.stages) {
    const below = stages.get(name);
    if (below !== undefined && stage.declaration.value === null) stages.delete(name);
    else stages.set(name, below === undefined ? stage : overrideStage(below, stage));
  }
  const kinds = new Set([...base.defaults.keys(), ...over.defaults.keys()]);
  const defaults = [...kinds].map((kind) => {
    const members = new Map([...(base.defaults.get(kind) ?? []), ...(over.defaults.get(kind) ?? [])]);
    return [kind, members] as const;
  });
  return { vars: new Map([...base.vars, ...over.vars]), defaults: new Map(defaults), stages };
}

function overrideStage(base: GivenStage, over: GivenStage): GivenStage {
  if (!isJsonObject(over.declaration.value)) return over;
  const members = new Map(base.members);
  const removed = new Set([...base.removed, ...over.removed]);
  for (const [parameter, placed] of over.members) {
    if (placed.value === null && base.members.has(parameter)) {
      members.delete(parameter);
      removed.add(parameter);
    } else {
      members.set(parameter, placed);
      removed.delete(parameter);
    }
  }
  return { ...over, members, removed };
}

/** Adds the content of a file that may not say anything that is said already, unless it comes from the same place. */
export function addIncluded(
  composition: Composition,
  included: Composition,
  entry: PlacedPath,
  problems: Problems,
): Composition {
  const clash = (what: string, there: Placed): void => {
    const { file, line } = locateKey(there);
    const suggestion = `the other one is in ${file}:${line}; \`extends\` is the way to replace it`;
    problems.add(locateValue(entry), `${entry.value} brings ${what}, which exists already`, suggestion);
  };
  for (const [name, stage] of included.stages) {
    const there = composition.stages.get(name)?.declaration;
    if (isOther(there, stage.declaration)) clash(`a stage \`${name}\``, there);
  }
  for (const [name, placed] of included.vars) {
    const there = composition.vars.get(name);
    if (isOther(there, placed)) clash(`a variable \`${name}\``, there);
  }
  for (const [kind, members] of included.defaults) {
    for (const [parameter, placed] of members) {
      const there = composition.defaults.get(kind)?.get(parameter);
      if (isOther(there, placed)) clash(`a default for \`${parameter}\` of ${kind}`, there);
    }
  }
  return override(composition, included);
}

function isOther(there: Placed | undefined, here: Placed): there is Placed {
  return there !== undefined && there.document !== here.document;
}
