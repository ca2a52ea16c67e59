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
  /** Where the process makes parts of its work when nobody keeps them. */
  readonly partsDirectory: string;
  /** Whether the process that starts this one keeps parts of the work, so that it is to be asked for them. */
  readonly keepsParts: boolean;
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

/** What an action process wants to be kept of its work. */
export interface PartRequest {
  readonly unit: string;
  /** Names of the inputs that the part depends on. */
  readonly inputs: readonly string[];
  /** Everything else that it depends on. */
  readonly description: JsonObject;
}

/** A directory with the files of a part, read-only, or an empty one to make them in. */
export interface OpenedPart {
  readonly directory: string;
  readonly isMade: boolean;
}

/** Keeps parts of the work of one action, so that an action that is stopped goes on where it was. */
export interface PartKeeper {
  open(request: PartRequest): Promise<OpenedPart>;
  /** Keeps what was made in a directory that `open` has given. It has the same files afterwards, read-only. */
  keep(directory: string): Promise<void>;
}

/** What the process that starts an action does for it while it runs. */
export interface ActionHost {
  /** Absent where `keepsParts` of the action is false. */
  readonly parts?: PartKeeper;
  progress(progress: Progress): void;
  log(line: string): void;
  /** A file of the output directory, by its path there, is complete. */
  finished?(path: string): void;
}

/** Runs actions somewhere. The result is what the action process reports, or why it could not. */
export interface Executor {
  readonly name: string;
  /** Says that so many actions are about to follow, for an executor that can get ready for them. */
  prepare(count: number): void;
  /** Lets go of everything. Nothing may run. */
  close(): void;
  /** Runs the action of the file. `abort` kills it. Never throws for a failing action. */
  run(file: string, action: ActionFile, host: ActionHost, abort: AbortSignal): Promise<ActionReport>;
}
