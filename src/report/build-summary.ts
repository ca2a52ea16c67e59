import type { BuildStatus, StageOutcome } from '../build/events.js';

/** What reports of a build are made from: the document of `build --json`. */
export interface BuildSummary {
  readonly recipe: string;
  readonly status: BuildStatus;
  readonly durationMs: number;
  readonly stages: readonly StageOutcome[];
}
