import type { JSONSchema } from 'json-schema-to-ts';
import type { Json, JsonObject } from '../json.js';

/** What a stage makes. A parameter that takes an artifact names the types it accepts. */
export type ArtifactType = 'model' | 'stats' | 'exported' | 'report';

/** A parameter that names another stage, or a list of stages. */
export interface InputSlot {
  readonly accepts: readonly ArtifactType[];
  readonly required: boolean;
  /**
   * The parameter is a list of stages, each standing for all its variants. The work finds the artifacts as the inputs
   * `of.0`, `of.1` and so on (for a parameter `of`), and the names of the stages, in that order, in the parameter. The
   * names are in the key unless the parameter is cosmetic.
   */
  readonly list?: boolean;
}

/**
 * A file or directory outside the store that a stage reads. It is keyed by content: in the key its place in the
 * parameters is taken by the digest of the files.
 */
export interface SourceRequest {
  /** Where in the parameters the path stands, for example `['dataset', 'text']`. */
  readonly pointer: readonly string[];
  /** As the recipe gives it: a path relative to the file in which it stands, or `hf:` or `url:` for what is elsewhere. */
  readonly path: string;
  /** For a directory: which of its files (names relative to it, `/` between parts) are read. */
  readonly select?: (names: readonly string[]) => readonly string[];
  /** Where a directory is read: whether a file of this name will do in place of it. */
  readonly isWhole?: (name: string) => boolean;
  /** For a `url:` source: the hexadecimal sha256 of the file. */
  readonly sha256?: string;
}

/** A path outside the store that a stage writes a copy of its artifact to. */
export interface DestinationRequest {
  /** Where in the parameters the path stands. */
  readonly pointer: readonly string[];
  /** Path as the recipe gives it, relative to the file in which it stands. */
  readonly path: string;
}

/** A file of a source as an action sees it. */
export interface SourceFile {
  /** Name relative to the source directory, or the base name of a single file. */
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** What is counted, in the plural: `windows`, `tensors`, `layers`. */
  readonly unit: string;
}

/** A piece of the work of a stage whose result is kept by itself: work that was stopped goes on where it was. */
export interface PartOfWork {
  /** What such parts are called, in the plural: `decoder layers`. */
  readonly unit: string;
  /** Names of the inputs that the part depends on. Their content is in its key. */
  readonly inputs: readonly string[];
  /**
   * Everything else that the part depends on, such as the number of the layer, options, or a hash of the tokens. Parameters
   * and sources are in its key only if they are in here: stages that differ in others then share it.
   */
  readonly description: JsonObject;
}

/** What the work of a stage is given. It runs in its own process, in its own directory. */
export interface WorkContext<Parameters = JsonObject> {
  /** Validated parameters with defaults filled in. Source paths in them are as the recipe gives them. */
  readonly parameters: Parameters;
  /** Directories of the input artifacts, read-only, by parameter name; of a list by name and index (`of.0`). */
  readonly inputs: { readonly [name: string]: string };
  /** Files of each source, by its pointer joined with dots (`dataset.text`). */
  readonly sources: { readonly [pointer: string]: readonly SourceFile[] };
  /** The directory the artifact is written into. Everything in it is published when the work succeeds. */
  readonly outputDirectory: string;
  /** How many threads numerical work may use. Results must not depend on it. */
  readonly threads: number;
  /**
   * Makes a part of the work, or finds that it was made before. `make` writes its files into the directory it is given.
   * Returns the directory with the files, read-only. What is in it and nothing else may be used of what `make` has done.
   */
  part(part: PartOfWork, make: (directory: string) => void | Promise<void>): Promise<string>;
  report(progress: Progress): void;
  /**
   * Says that a file of the output directory, by its path there (`/` between parts), is complete: it is read and hashed
   * while the work goes on. Files need not be said to be complete; one that is must not be written again.
   */
  finished(path: string): void;
  /** Adds a line to the log of the stage. */
  log(line: string): void;
}

export interface WorkResult {
  /** Facts about the result, shown to the user and checked by gates. May contain measured times. */
  readonly metrics: JsonObject;
}

export type StageWork = (context: WorkContext<never>) => Promise<WorkResult>;

/** Everything the recipe language and the DAG know about a stage kind. Importing one is cheap: `load` brings the work. */
export interface StageKind {
  readonly name: string;
  /** Part of the key. Raised whenever the same parameters and inputs give other bytes than before. */
  readonly version: number;
  readonly summary: string;
  readonly produces: ArtifactType;
  /** JSON Schema (draft 2020-12) of the parameters, without `kind`, `gates` and the inputs. */
  readonly parameters: JSONSchema;
  readonly inputs: { readonly [parameter: string]: InputSlot };
  /** Parameters that do not belong in the key, for example where a result is copied to. */
  readonly cosmetic?: readonly string[];
  /** Whether the result contains measurements of this machine: the hardware is then part of the key. */
  readonly measures?: boolean;
  /** Whether the artifact holds floating-point results as they come, whose last bits depend on the processor. */
  readonly machineDependent?: boolean;
  /**
   * How far a second run of the same action on the same machine may be from the first: the largest relative difference
   * of numbers in JSON files, and relative Frobenius distance of tensors. Only for kinds that measure or depend on the
   * machine; anything else has to come out the same bit for bit. Without it results of such a kind are not compared.
   */
  readonly tolerance?: number;
  /** Files of the artifact that hold measured times, which a second run does not repeat: they are never compared. */
  readonly measuredFiles?: readonly string[];
  /** `all`: numerical work that uses every core; nothing runs beside it. `one`: mostly input and output. */
  readonly cores: 'one' | 'all';
  /** What is otherwise than stated above when a stage has these parameters. */
  traits?(parameters: JsonObject): Partial<Pick<StageKind, 'machineDependent' | 'tolerance' | 'cores' | 'engines'>>;
  /** Whether the work reaches the network. */
  readonly usesNetwork?: boolean;
  /** Engines whose version changes the bytes of the result. */
  readonly engines?: readonly 'onnxruntime'[];
  /** Brings parameters that mean the same to the same form, so that they get the same key. Defaults are filled in before. */
  normalise?(parameters: JsonObject): JsonObject;
  /**
   * Problems that the schema can't express, as messages with the pointer of the parameter at fault. `inputs`: names of the
   * inputs that are given.
   */
  check?(
    parameters: JsonObject,
    inputs: ReadonlySet<string>,
  ): readonly { readonly pointer: readonly string[]; readonly message: string }[];
  sources?(parameters: JsonObject): readonly SourceRequest[];
  /** A path outside the store that gets a copy of the artifact after each build. */
  destination?(parameters: JsonObject): DestinationRequest | undefined;
  /** The fact that matters most about a result, in one line. */
  headline(metrics: { readonly [name: string]: Json | undefined }): string;
  load(): Promise<StageWork>;
}
