import type { MatrixValue } from './matrix.js';

/** Something that a variant is made of: values of matrices, and the variant of each input that has them. */
export interface Row {
  readonly values: readonly MatrixValue[];
  /** Parameter -> name of a variant. */
  readonly inputs: { readonly [parameter: string]: string };
}

/**
 * All pairs of a row of each list that agree in the keys they share; the right list varies fastest. Values of other keys
 * are crossed. Stops when there are more than `limit`.
 */
export function join(left: readonly Row[], right: readonly Row[], limit: number): readonly Row[] {
  const rightKeys = keysOfAll(right);
  const shared = keysOfAll(left).filter((key) => rightKeys.includes(key));
  const byValues = new Map<string, Row[]>();
  for (const row of right) {
    const identity = identityOf(row, shared);
    const known = byValues.get(identity);
    if (known === undefined) byValues.set(identity, [row]);
    else known.push(row);
  }
  const joined: Row[] = [];
  for (const row of left) {
    for (const other of byValues.get(identityOf(row, shared)) ?? []) {
      if (!agree(row, other)) continue;
      joined.push(combine(row, other));
      if (joined.length > limit) return joined;
    }
  }
  return joined;
}

/** Keys that every row has. */
function keysOfAll(rows: readonly Row[]): readonly string[] {
  const [first, ...others] = rows;
  let keys = (first?.values ?? []).map(({ key }) => key);
  for (const { values } of others) keys = keys.filter((key) => values.some((one) => one.key === key));
  return keys;
}

function identityOf({ values }: Row, keys: readonly string[]): string {
  return JSON.stringify(keys.map((key) => values.find((one) => one.key === key)?.text));
}

function agree(left: Row, right: Row): boolean {
  return left.values.every(({ key, text }) => right.values.every((other) => other.key !== key || other.text === text));
}

function combine(left: Row, right: Row): Row {
  const added = right.values.filter(({ key }) => !left.values.some((one) => one.key === key));
  return { values: [...left.values, ...added], inputs: { ...left.inputs, ...right.inputs } };
}
