import type { Json, JsonObject } from '../json.js';
import type { Progress } from '../stages/kind.js';

export interface GateResult {
  /** The gate as the recipe says it, for example `perplexityIncrease max 3%`. */
  readonly name: string;
  readonly limit: Json;
  readonly value: Json;
  readonly ok: boolean;
}

export interface StageError {
  readonly message: string;
  readonly suggestion?: string;
  readonly location?: { readonly file: string; readonly line?: number; readonly column?: number };
  /** Stack and causes, shown with `-v` only. */
  readonly details?: string;
}

/** How a stage ended. */
export interface StageOutcome {
  readonly name: string;
  readonly kind: string;
  readonly key: string | null;
  readonly status: 'built' | 'cached' | 'failed' | 'skipped';
  readonly digest: string | null;
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
  readonly metrics: JsonObject;
  readonly gates: readonly GateResult[];
  readonly error?: StageError;
  /** One line: the fact that matters most about the result. Absent unless built or cached. */
  readonly headline?: string;
}

/** What happens during a build, in order. Renderers and the event log are driven by these alone. */
export type BuildEvent =
  | {
      readonly type: 'build-started';
      /** Name of the recipe file as it was given. */
      readonly recipe: string;
      /** Absolute path of the recipe file. */
      readonly recipePath: string;
      readonly stages: readonly { readonly name: string; readonly kind: string }[];
    }
  | { readonly type: 'stage-started'; readonly stage: string; readonly reason: string }
  | { readonly type: 'stage-waiting'; readonly stage: string; readonly reason: string }
  | { readonly type: 'stage-progress'; readonly stage: string; readonly progress: Progress }
  | { readonly type: 'stage-log'; readonly stage: string; readonly line: string }
  | { readonly type: 'stage-ended'; readonly outcome: StageOutcome }
  | { readonly type: 'stage-exported'; readonly stage: string; readonly destination: string }
  | { readonly type: 'build-ended'; readonly status: BuildStatus; readonly durationMs: number };

export type BuildStatus = 'ok' | 'failed' | 'gate' | 'interrupted';

export type BuildListener = (event: BuildEvent) => void;
