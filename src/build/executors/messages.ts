import type { JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import type { Progress } from '../../stages/kind.js';
import { isTreePath } from '../../store/tree-path.js';
import type { StageError } from '../events.js';
import type { OpenedPart, PartRequest } from './executor.js';

/** What an action process says while it runs. Questions have numbers, which come back with their answers. */
export type ActionMessage =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'finished'; readonly path: string }
  | { readonly type: 'open-part'; readonly number: number; readonly request: PartRequest }
  | { readonly type: 'keep-part'; readonly number: number; readonly directory: string };

/** What an action process is answered. */
export type HostMessage =
  | { readonly type: 'part'; readonly number: number; readonly part: OpenedPart }
  | { readonly type: 'failed'; readonly number: number; readonly error: StageError };

/** A message of an action process; `undefined` for anything else, which is ignored. */
export function parseActionMessage(message: unknown): ActionMessage | undefined {
  if (!isJsonObject(message)) return undefined;
  if (message.type === 'progress') {
    const progress = parseProgress(message.progress);
    return progress === undefined ? undefined : { type: 'progress', progress };
  }
  const { number, path } = message;
  if (message.type === 'finished') {
    return typeof path === 'string' && isTreePath(path) ? { type: 'finished', path } : undefined;
  }
  if (typeof number !== 'number') return undefined;
  if (message.type === 'keep-part' && typeof message.directory === 'string') {
    return { type: 'keep-part', number, directory: message.directory };
  }
  const request = message.type === 'open-part' ? parseRequest(message.request) : undefined;
  return request === undefined ? undefined : { type: 'open-part', number, request };
}

/** An answer to an action process; `undefined` for anything else. */
export function parseHostMessage(message: unknown): HostMessage | undefined {
  if (!isJsonObject(message) || typeof message.number !== 'number') return undefined;
  const { number, type } = message;
  const part: unknown = message.part;
  if (type === 'part' && isOpenedPart(part)) return { type, number, part };
  const error: unknown = message.error;
  return type === 'failed' && isStageError(error) ? { type, number, error } : undefined;
}

function parseProgress(value: unknown): Progress | undefined {
  if (!isJsonObject(value)) return undefined;
  const { done, total, unit } = value;
  if (typeof done !== 'number' || typeof total !== 'number' || typeof unit !== 'string') return undefined;
  return { done, total, unit };
}

function parseRequest(value: unknown): PartRequest | undefined {
  if (!isJsonObject(value)) return undefined;
  const { unit, inputs, description } = value;
  if (typeof unit !== 'string' || !isTexts(inputs) || !isJsonObject(description)) return undefined;
  return { unit, inputs, description };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string');
}

function isOpenedPart(value: unknown): value is OpenedPart {
  return isJsonObject(value) && typeof value.directory === 'string' && typeof value.isMade === 'boolean';
}

function isStageError(value: unknown): value is StageError {
  return isJsonObject(value) && typeof (value as JsonObject).message === 'string';
}
