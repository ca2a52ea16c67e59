import type { OperatorWeights } from '../../operator-weights.js';
import type { LinearOperator } from '../device.js';

/**
 * What a module that drives a device exports as its default. Each function may be asynchronous; none is called before
 * the one before has ended. Errors that are thrown are faults of the device.
 */
export interface DeviceDriver {
  /** What the device is, in a line. */
  readonly description?: string;
  /** `true`, or why the device does not take an operator, in words for the user. */
  supports(operator: LinearOperator): true | string | Promise<true | string>;
  /** Brings the weights of an operator to the device. What it returns is handed to `run`, and stays in the worker. */
  prepare(operator: LinearOperator, weights: DriverWeights): unknown;
  /** Multiplies: `output` has to be filled, or another array of the same length returned. */
  run(prepared: unknown, dispatch: DriverDispatch): undefined | Float32Array | Promise<undefined | Float32Array>;
  /** Lets go of the device. */
  close?(): void | Promise<void>;
}

/**
 * Weights, k x n in row-major order. With those of form `int8` the activations are quantized as the operator's
 * `activations` say: by max|x| / 128 (int8) or max|x| / 32768 (int16) over all rows of the dispatch.
 */
export type DriverWeights = OperatorWeights;

/** One matrix product. The arrays are only valid until `run` ends. */
export interface DriverDispatch {
  readonly rows: number;
  /** rows x k */
  readonly activations: Float32Array;
  /** rows x n */
  readonly output: Float32Array;
}
