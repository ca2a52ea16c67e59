import { QuernError } from '../../../errors.js';
import { outputStepKey } from '../../../models/group-qdq.js';
import type { NamedTensors, Session, TensorInfo } from '../../../ort/engine.js';
import type { ExecutionProvider } from '../../../ort/execution-provider.js';
import { isTensorOf, type TensorData, zeros } from '../../../ort/tensor-data.js';
import type { OperatorSource } from '../device.js';
import { openOperator } from './operator-model.js';

/** Whether the dimensions before the last of the activations may be left open when an operator is opened. */
export type ShapeForm = 'any' | 'fixed';

export type TrialResult =
  | { readonly ok: true; readonly shapes: ShapeForm; readonly deviation: number }
  | { readonly ok: false; readonly reason: string };

/** Providers compute in lower precision; what is further from the CPU than this is not the same product. */
const largestDeviation = 0.1;

/**
 * Runs an operator on a provider and on the CPU with the same activations. A provider that takes it only for shapes that
 * are known is tried with one row.
 */
export function tryOperator(source: OperatorSource, provider: ExecutionProvider): TrialResult {
  const open = tryShapes(source, provider, ['batch', 'sequence'], [1, 2]);
  const result = open.ok ? open : tryShapes(source, provider, [1, 1], [1, 1]);
  if (!result.ok) return result;
  const { deviation } = result;
  if (deviation <= largestDeviation) return { ok: true, shapes: open.ok ? 'any' : 'fixed', deviation };
  return { ok: false, reason: `its result is ${(deviation * 100).toFixed(0)}% off that of the CPU` };
}

type ShapesResult = { readonly ok: true; readonly deviation: number } | { readonly ok: false; readonly reason: string };

function tryShapes(
  source: OperatorSource,
  provider: ExecutionProvider,
  declared: readonly (string | number)[],
  actual: readonly number[],
): ShapesResult {
  try {
    const actualOutput = runOnce(source, declared, actual, provider);
    const expected = runOnce(source, declared, actual);
    return { ok: true, deviation: deviationOf(expected, actualOutput, stepOf(source)) };
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    return { ok: false, reason: refusalOf(error, source.node.opType) };
  }
}

function runOnce(
  source: OperatorSource,
  declared: readonly (string | number)[],
  actual: readonly number[],
  provider?: ExecutionProvider,
): TensorData {
  const session = openOperator(source, declared, provider);
  try {
    const [output] = Object.values(session.run(trialInputs(session, source.operator.k, actual)));
    if (output === undefined) throw new Error('an operator has an output');
    return output;
  } finally {
    session.release();
  }
}

function trialInputs({ inputs }: Session, k: number, leading: readonly number[]): NamedTensors {
  return Object.fromEntries(inputs.map((info) => [info.name, trialInput(info, [...leading, k])]));
}

/** Numbers from -1 to 1, or all integers of a byte; zero for scalars. The same each time. */
function trialInput({ dataType, dims }: TensorInfo, activationDims: readonly number[]): TensorData {
  const tensor = zeros(dataType, dims.length === 0 ? [] : activationDims);
  if (dims.length === 0) return tensor;
  for (let index = 0; index < tensor.data.length; index++) {
    const step = (index * 167) % 256;
    if (isTensorOf(tensor, 'float32')) tensor.data[index] = step / 128 - 1;
    else if (isTensorOf(tensor, 'uint8') || isTensorOf(tensor, 'int8')) tensor.data[index] = step;
  }
  return tensor;
}

/** How far apart neighbouring results are, where an operator quantizes them: a provider may round to another one. */
function stepOf({ node }: OperatorSource): number {
  return Number(node.metadata.get(outputStepKey) ?? 0);
}

/** max |a - b| beyond a step / max |a|, infinite where the shapes differ or a number is not finite. */
function deviationOf(expected: TensorData, actual: TensorData, step: number): number {
  if (expected.dims.join() !== actual.dims.join()) return Number.POSITIVE_INFINITY;
  let [largest, difference] = [0, 0];
  for (let index = 0; index < expected.data.length; index++) {
    const [a, b] = [Number(expected.data[index]), Number(actual.data[index])];
    if (!Number.isFinite(b)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, Math.abs(a));
    difference = Math.max(difference, Math.abs(a - b) - 1.01 * step);
  }
  return difference === 0 ? 0 : difference / largest;
}

/** ONNX Runtime does not say which operator a provider refused; here there is only one. */
export function refusalOf({ message }: QuernError, operatorType: string): string {
  return message.includes('fallback to CPU EP has been explicitly disabled')
    ? `it does not run ${operatorType}`
    : message;
}
