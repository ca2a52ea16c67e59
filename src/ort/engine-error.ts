import { QuernError } from '../errors.js';
import type { SessionSource } from './engine.js';

/** A C++ source position and the signature of the function that reported the problem. */
const sourcePosition =
  /\S+\.(?:h|hpp|cc|cpp):\d+(?: [^()\n]*\((?:[^()]|\([^()]*\))*\)(?: const)?(?: \[[^\]]*\])?)?\s*/g;

/** ONNX Runtime lists the dimensions at fault on the lines after this. */
const introducesDetails = /for the following indices$/;

/** The first line of a message of ONNX Runtime that says what is wrong, without the places in its source code. */
export function engineMessage(text: string): string {
  const lines = text
    .replaceAll(sourcePosition, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const [first = 'no reason given', second] = lines;
  return second !== undefined && introducesDetails.test(first) ? `${first}: ${second}` : first;
}

/** An error of ONNX Runtime as a `QuernError`. `action` says what was attempted; the whole text is kept as the cause. */
export function engineError(action: string, text: string): QuernError {
  return new QuernError('engine', `${action}: ${engineMessage(text)}`, { cause: new Error(text) });
}

/** What could not be done when a model does not open. */
export function openingFailure(source: SessionSource): string {
  return 'path' in source ? `the model ${source.path} can't be opened` : "the model can't be opened";
}

/** What could not be done when a run fails. */
export const runningFailure = "the model can't be run";
