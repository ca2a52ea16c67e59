import type { JsonObject } from '../json.js';
import { canonicalJson, isJsonObject, sha256 } from '../json.js';
import type { Digest } from '../store/digest.js';
import { isDigest } from '../store/digest.js';
import type { Action, ActionKey } from './action.js';
import type { PartRequest } from './executors/executor.js';

/** Version of the key's own form. Raised when keys are computed in another way. */
const partFormat = 1;

/**
 * A part of an action made concrete: everything that its result depends on, which is less than what the action depends on.
 * Actions whose parameters differ in something else share it.
 */
export interface PartAction {
  readonly format: typeof partFormat;
  readonly kind: string;
  readonly version: number;
  readonly part: JsonObject;
  /** Those of the action's inputs that the part depends on. */
  readonly inputs: { readonly [parameter: string]: Digest };
  readonly engines: { readonly [name: string]: string };
  /** Only for kinds that measure. */
  readonly hardware?: JsonObject;
  readonly epoch: number;
}

/** What is known about a part that was made. It has no action of its own, so nothing takes it for the result of a stage. */
export interface PartRecord {
  readonly format: 1;
  readonly key: string;
  readonly part: PartAction;
  /** Key of the action in which it was made. */
  readonly madeFor: ActionKey;
  /** Digest of the tree with its files. */
  readonly artifact: Digest;
  readonly sizeBytes: number;
  readonly finishedAt: string;
  readonly durationMs: number;
  readonly machine: JsonObject;
}

/** The part of an action that a request is about. Throws where it names an input that the action does not have. */
export function partAction(action: Action, { inputs, description }: PartRequest): PartAction {
  const { kind, version, engines, hardware, epoch } = action;
  const digests = inputs.map((name) => {
    const digest = action.inputs[name];
    if (digest === undefined) throw new Error(`a part depends on \`${name}\`, which is no input of the ${kind} stage`);
    return [name, digest] as const;
  });
  return {
    format: partFormat,
    kind,
    version,
    part: description,
    inputs: Object.fromEntries(digests),
    engines,
    ...(hardware === undefined ? {} : { hardware }),
    epoch,
  };
}

/** Hexadecimal sha256 of the canonical JSON of a part. */
export function partKey(part: PartAction): string {
  return sha256(canonicalJson(part as unknown as JsonObject));
}

/** A record as read from the store, or `undefined` when it is not that of a part. */
export function parsePartRecord(value: JsonObject): PartRecord | undefined {
  const { format, key, part, madeFor, artifact, finishedAt } = value;
  const wellFormed =
    format === 1 &&
    typeof key === 'string' &&
    isJsonObject(part) &&
    typeof part.kind === 'string' &&
    typeof madeFor === 'string' &&
    isDigest(artifact) &&
    typeof finishedAt === 'string';
  return wellFormed ? (value as unknown as PartRecord) : undefined;
}
