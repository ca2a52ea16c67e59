export interface DependencyOrder {
  /** Every name once, behind everything it depends on (as far as cycles allow), otherwise in the order given. */
  readonly order: readonly string[];
  /** Each cycle found, as a closed trail: `['a', 'b', 'a']` when a depends on b and b on a. */
  readonly cycles: readonly (readonly string[])[];
}

interface Visit {
  readonly name: string;
  readonly dependencies: readonly string[];
  next: number;
}

/**
 * Sorts names so that dependencies come first. The result depends on the order of `names` and of the dependencies
 * alone. Dependencies that are not among the names are ignored.
 */
export function dependencyOrder(
  names: readonly string[],
  dependenciesOf: (name: string) => readonly string[],
): DependencyOrder {
  const positions = new Map(names.map((name, index) => [name, index]));
  const states = new Map<string, 'open' | 'done'>();
  const order: string[] = [];
  const cycles: string[][] = [];
  // A stack of our own: a chain in a recipe may be longer than the call stack is deep.
  const stack: Visit[] = [];
  const open = (name: string): void => {
    states.set(name, 'open');
    stack.push({ name, dependencies: dependenciesOf(name).filter((one) => positions.has(one)), next: 0 });
  };

  for (const start of names) {
    if (states.has(start)) continue;
    open(start);
    for (let visit = stack.at(-1); visit !== undefined; visit = stack.at(-1)) {
      const dependency = visit.dependencies[visit.next++];
      if (dependency === undefined) {
        states.set(visit.name, 'done');
        order.push(visit.name);
        stack.pop();
      } else if (!states.has(dependency)) {
        open(dependency);
      } else if (states.get(dependency) === 'open') {
        const from = stack.findIndex((one) => one.name === dependency);
        cycles.push(
          closeTrail(
            stack.slice(from).map((one) => one.name),
            positions,
          ),
        );
      }
    }
  }
  return { order, cycles };
}

/** Starts the trail at its first member in the order given, and ends it where it starts. */
function closeTrail(trail: readonly string[], positions: ReadonlyMap<string, number>): string[] {
  let first = 0;
  for (const [index, name] of trail.entries()) {
    if ((positions.get(name) ?? 0) < (positions.get(trail[first] ?? '') ?? 0)) first = index;
  }
  const rotated = [...trail.slice(first), ...trail.slice(0, first)];
  return [...rotated, ...rotated.slice(0, 1)];
}
