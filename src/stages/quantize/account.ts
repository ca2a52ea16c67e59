import type { JsonObject } from '../../json.js';
import { schemeText } from '../../quant/schemes.js';
import type { WeightError } from '../../quant/weight-error.js';
import type { Decision } from './rules.js';

/** What is said of an operator in `quantization.json`. */
export interface OperatorAccount extends JsonObject {
  readonly name: string;
  /** Number of the rule that decided, from 1; `null` when none matched. */
  readonly rule: number | null;
  readonly scheme: string | null;
  /** Of the weight, and of the constants that took its place. */
  readonly sizeBytesBefore: number;
  readonly sizeBytesAfter: number;
  /** Relative error of the weight in the Frobenius norm. */
  readonly relativeError?: number;
  /** Largest absolute error of a weight. */
  readonly largestError?: number;
  /** Relative error of the output in the Frobenius norm, or `null` and why there is none. See `output-errors.ts`. */
  readonly outputError?: number | null;
  readonly outputErrorReason?: string;
}

/** What became of a weight. */
export interface Outcome {
  readonly error: WeightError;
  readonly sizeBytes: number;
}

/** `dims`: of the weight, by name. `outcome`: of an operator that was quantized. */
export function account(
  { operator, rule, scheme }: Decision,
  dims: { readonly [name: string]: number },
  outcome?: Outcome,
): OperatorAccount {
  const { byteLength } = operator.tensor;
  return {
    name: operator.name,
    rule: rule ?? null,
    scheme: scheme === undefined ? null : schemeText(scheme),
    ...dims,
    sizeBytesBefore: byteLength,
    sizeBytesAfter: outcome?.sizeBytes ?? byteLength,
    ...(outcome && { relativeError: outcome.error.relativeFrobenius, largestError: outcome.error.largest }),
  };
}
