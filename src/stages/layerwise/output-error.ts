import { rounded } from './rounded.js';

/** Squared Frobenius norms over tokens. */
export interface OutputSquares {
  /** Of the difference between the outputs of an operator before and after it was quantized. */
  readonly error: number;
  /** Of the output before. */
  readonly output: number;
}

/** What the tables of stages say of the output of an operator: the error relative to the output, or why there is none. */
export type OutputError =
  | { readonly outputError: number }
  | { readonly outputError: null; readonly outputErrorReason: string };

/** `undefined`: the operator was not run. */
export function outputErrorOf(squares: OutputSquares | undefined): OutputError {
  if (squares === undefined) return without('no text runs it');
  const { error, output } = squares;
  if (!Number.isFinite(error) || !Number.isFinite(output)) return without('its outputs are not finite');
  if (output === 0) return without('its outputs are all zero');
  return { outputError: rounded(Math.sqrt(Math.max(error, 0) / output)) };
}

function without(reason: string): OutputError {
  return { outputError: null, outputErrorReason: reason };
}
