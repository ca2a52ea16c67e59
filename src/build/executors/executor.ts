import type { JsonObject } from '../../json.js';
import type { Progress, SourceFile } from '../../stages/kind.js';
import type { StageError } from '../events.js';

/** Everything an action process is told: the content of its action file. */
export interface ActionFile {
  readonly format: 1;
  readonly kind: string;
  readonly version: number;
  readonly parameters: JsonObject;
  /** Directory of each input artifact, by parameter name. */
  readonly inputs: { readonly [name: string]: string };
  readonly sources: { readonly [pointer: string]: readonly SourceFile[] };
  readonly outputDirectory: string;
  /** Where the process writes its `ActionReport` when it ends. */
  readonly reportFile: string;
  readonly threads: number;
  /** The process is stopped when its resident memory is more. */
  readonly memoryLimitBytes: number;
  /** Whether the process may use the network, and is given what it needs for it. */
  readonly usesNetwork: boolean;
  /** Modules that register further stage kinds. */
  readonly kindModules: readonly string[];
}

/** What an action process says at its end. */
export type ActionReport =
  | { readonly ok: true; readonly metrics: JsonObject; readonly cpuMs: number; readonly peakRssBytes: number }
  | { readonly ok: false; readonly error: StageError };

export interface ActionListener {
  progress(progress: Progress): void;
  log(line: string): void;
}

/** Runs actions somewhere. The result is what the action process reports, or why it could not. */
export interface Executor {
  readonly name: string;
  /** Says that so many actions are about to follow, for an executor that can get ready for them. */
  prepare(count: number): void;
  /** Lets go of everything. Nothing may run. */
  close(): void;
  /** Runs the action of the file. `abort` kills it. Never throws for a failing action. */
  run(file: string, action: ActionFile, listener: ActionListener, abort: AbortSignal): Promise<ActionReport>;
}
