import type { MessagePort } from 'node:worker_threads';
import type { LinearOperator } from '../device.js';
import type { DriverWeights } from './driver.js';

/** What a worker is started with. */
export interface WorkerStart {
  /** URL of the driver's module. */
  readonly module: string;
  /** Calls come in and replies go out here. */
  readonly port: MessagePort;
  /** One element that counts the replies, to be waited for. */
  readonly replies: Int32Array<SharedArrayBuffer>;
}

/** A call of the driver. Operators are known by a number. */
export type DriverCall =
  | { readonly call: 'supports'; readonly operator: LinearOperator }
  | {
      readonly call: 'prepare';
      readonly id: number;
      readonly operator: LinearOperator;
      readonly weights: DriverWeights;
    }
  /** `memory` holds rows x k activations and behind them room for rows x n results, all float32. */
  | {
      readonly call: 'run';
      readonly id: number;
      readonly rows: number;
      readonly k: number;
      readonly n: number;
      readonly memory: SharedArrayBuffer;
    }
  | { readonly call: 'release'; readonly id: number }
  | { readonly call: 'close' };

/** What came of a call: a value that depends on the call, or why it failed. `isGone`: there will be no further reply. */
export type DriverReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string; readonly isGone?: boolean };
