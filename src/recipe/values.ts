import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';
import type { Json } from '../json.js';

/** A problem of one node of a YAML document. */
export interface NodeProblem {
  readonly node: Node;
  readonly message: string;
}

/** The values of a YAML document, with what is needed to find their places again. */
export interface NodeValues {
  readonly value: Json;
  /** What each alias (`*name`) stands for. */
  readonly targets: ReadonlyMap<Alias, Node>;
  /** Problems that leave no value to go on with. */
  readonly problems: readonly NodeProblem[];
  /** Keys given again in a mapping. The first one counts. */
  readonly duplicates: readonly DuplicateKey[];
}

/** A key that its mapping has already. */
export interface DuplicateKey {
  readonly name: string;
  readonly node: Node;
  readonly first: Node;
}

interface Anchored {
  readonly node: Node;
  readonly value: Json;
  readonly count: number;
}

/** How many values the aliases of a document may stand for in total. */
const maximumAliasedValues = 10_000;

/** Key of a pair of a mapping whose keys are all scalars. */
export function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : '';
}

/** Turns a node into plain values. The depth of the document must be bounded; what aliases expand to is bounded here. */
export function readValues(root: Node | null): NodeValues {
  const anchors = new Map<string, Anchored>();
  const targets = new Map<Alias, Node>();
  const problems: NodeProblem[] = [];
  const duplicates: DuplicateKey[] = [];
  let count = 0;
  let aliasedCount = 0;

  function read(node: unknown): Json {
    if (isAlias(node)) return readAlias(node);
    const before = count++;
    const value = isMap(node) ? readMap(node) : isSeq(node) ? node.items.map(read) : readScalar(node);
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined) {
      anchors.set(node.anchor, { node, value, count: count - before });
    }
    return value;
  }

  function readAlias(node: Alias): Json {
    const anchored = anchors.get(node.source);
    if (anchored === undefined) {
      problems.push({ node, message: `unknown anchor \`${node.source}\`` });
      return null;
    }
    const fitted = aliasedCount <= maximumAliasedValues;
    aliasedCount += anchored.count;
    count += anchored.count;
    if (fitted && aliasedCount > maximumAliasedValues) {
      problems.push({ node, message: `aliases expand to more than ${maximumAliasedValues} values` });
    }
    targets.set(node, anchored.node);
    return anchored.value;
  }

  function readMap(map: YAMLMap): Json {
    const entries = new Map<string, Json>();
    const keys = new Map<string, Node>();
    for (const pair of map.items) {
      const name = keyText(pair.key);
      const value = read(pair.value);
      const first = keys.get(name);
      if (first === undefined) entries.set(name, value);
      if (!isScalar(pair.key)) continue;
      if (first === undefined) keys.set(name, pair.key);
      else duplicates.push({ name, node: pair.key, first });
    }
    return Object.fromEntries(entries);
  }

  function readScalar(node: unknown): Json {
    if (!isScalar(node)) return null;
    const { value } = node;
    const message = scalarProblem(node);
    if (message !== undefined) problems.push({ node, message });
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    return null;
  }

  const value = read(root);
  return { value, targets, problems, duplicates };
}

function scalarProblem(node: Scalar): string | undefined {
  const { value, source } = node;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return `${source ?? value} is not a finite number`;
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(source ?? '')) {
      return `${source} is too large to be an exact number`;
    }
  }
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) return 'text with half of a surrogate pair';
  return undefined;
}
