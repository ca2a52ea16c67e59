/** What the order of actions is decided by: which stages need which, and how long each is expected to take. */
export interface PathStage {
  readonly name: string;
  /** Names of the stages it needs. */
  readonly inputs: readonly string[];
  readonly expectedMs: number;
}

/**
 * For each stage the expected time of the longest chain that starts with it: of those that are ready, the one with the
 * longest chain behind it should start first. `stages` are in topological order.
 */
export function remainingPaths(stages: readonly PathStage[]): ReadonlyMap<string, number> {
  const behind = new Map<string, number>();
  for (const { name, inputs, expectedMs } of stages.toReversed()) {
    const path = expectedMs + (behind.get(name) ?? 0);
    for (const input of inputs) behind.set(input, Math.max(behind.get(input) ?? 0, path));
  }
  return new Map(stages.map(({ name, expectedMs }) => [name, expectedMs + (behind.get(name) ?? 0)]));
}
