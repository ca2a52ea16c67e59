import type { Model } from '../../onnx/model.js';
import type { Node } from '../../onnx/node.js';
import type { Engine, Session } from '../../ort/engine.js';

/** Shape of a matrix product: activations m x k times weights k x n. */
export interface GemmShape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** Weights as they are stored. Grouped types have one scale and one zero point for `groupSize` values along k. */
export type WeightFormat =
  | { readonly type: 'float32' | 'float16' | 'bfloat16' | 'int8' | 'uint8' }
  | { readonly type: 'int4' | 'int3'; readonly groupSize: number };

/** What the activations are when they meet the weights, after any quantization on the host. */
export type ActivationType = 'float32' | 'float16' | 'bfloat16' | 'int8' | 'uint8' | 'int16';

/** An operator that multiplies activations by a k x n weight matrix. */
export interface LinearOperator {
  /** ONNX operator type, for example `MatMulInteger`. */
  readonly operatorType: string;
  readonly k: number;
  readonly n: number;
  readonly weights: WeightFormat;
  /** Whether the weights are known before the model runs. */
  readonly constantWeights: boolean;
  readonly activations: ActivationType;
  /** Name of the quantization scheme, for messages. */
  readonly scheme: string;
}

/** `count` dispatches of one kernel, each of shape m x k x n. */
export interface Tile extends GemmShape {
  readonly count: number;
}

/** Sizes of the buffers shared with a device, without kernel parameters. All zero when a device needs none. */
export interface BufferSizes {
  /** Activations of one dispatch, padded. */
  readonly activationBytes: number;
  /** All weights of the operator, padded and packed. They stay on the device. */
  readonly weightBytes: number;
  /** Accumulators of one dispatch, padded. */
  readonly outputBytes: number;
}

/** How a matrix product is cut into dispatches. It says nothing about values: tiling changes no result of integer kernels. */
export interface TilePlan {
  readonly shape: GemmShape;
  readonly tiles: readonly Tile[];
  readonly dispatches: number;
  /** The shape that the tiles cover. Rows, depth and columns beyond `shape` are zeros. */
  readonly paddedShape: GemmShape;
  readonly buffers: BufferSizes;
  /** How many of the dispatches have their output added to an earlier one by the host, because k is split. */
  readonly hostAccumulations: number;
}

/** Modelled time of one operator in microseconds, in the parts that AMD's operator logs have. The total is their sum. */
export interface ModelledTime {
  readonly aCopyUs: number;
  readonly aSyncUs: number;
  readonly runUs: number;
  readonly cSyncUs: number;
  readonly cCopyUs: number;
  readonly accumulateUs: number;
  readonly totalUs: number;
}

/**
 * Where a modelled time comes from:
 * - `measured`: published times of this kernel on this NPU
 * - `fitted`: a line through the published times of other kernels of this flow on this NPU
 * - `derived`: times of a whole model, or of another NPU or flow
 */
export type TimeBasis = 'measured' | 'fitted' | 'derived';

export interface DispatchPlan extends TilePlan {
  /** Missing where work is timed by running it. */
  readonly modelled: { readonly time: ModelledTime; readonly basis: TimeBasis } | undefined;
}

/** The kernels a device has for one flow: each number of rows with each weight shape. */
export interface FlowCapability {
  readonly flow: string;
  readonly rows: readonly number[];
  readonly weights: readonly { readonly k: number; readonly n: number }[];
}

export interface DeviceCapabilities {
  readonly description: string;
  /** Empty for a device without shape tables. */
  readonly flows: readonly FlowCapability[];
}

export type Support =
  /** `note`: what is worth knowing about how it runs there. */
  { readonly ok: true; readonly note?: string } | { readonly ok: false; readonly reason: string };

/** A linear operator in the graph of a model, with its weights. */
export interface OperatorSource {
  readonly operator: LinearOperator;
  readonly engine: Engine;
  readonly model: Model;
  readonly node: Node;
  /** Where the files of the weights are. */
  readonly directory: string;
}

/**
 * An operator whose weights are on a device. Its inputs and output are those of the node without the constants; a call
 * is a session's, and throws a `QuernError` when the device fails.
 */
export type PreparedOperator = Session;

/** Something that runs linear operators. */
export interface Device {
  /** `cpu`, `npu:stx`, `ep:webgpu`, ... */
  readonly name: string;
  capabilities(): DeviceCapabilities;
  /**
   * Whether the device takes an operator; if not, why, in words for the user. A device that can't know without trying
   * tries the operator of `source`. Throws a `QuernError` when the device fails.
   */
  supports(operator: LinearOperator, source?: OperatorSource): Support;
  /** The dispatches for `rows` rows of activations. Only for supported operators. */
  plan(operator: LinearOperator, rows: number): DispatchPlan;
  /** The device that does a supported operator for so many rows, where that is not always this one itself. */
  deviceFor?(operator: LinearOperator, rows: number): Device;
  /** Brings the weights of a supported operator to the device. Throws a `QuernError` when the device fails. */
  prepare(source: OperatorSource): PreparedOperator;
  /** Lets go of the device. Everything prepared on it has been released. Closing twice is harmless. */
  close(): void;
}

/** Why devices that see nothing but weights refuse Gemm. */
export const gemmReason = 'Gemm adds its bias inside; the product alone, MatMul, is what can be offloaded';

/** The plan of a device that takes operators as they are and is timed by running it: no tiles, no padding. */
export function untiledPlan({ k, n }: LinearOperator, rows: number): DispatchPlan {
  const shape = { m: rows, k, n };
  return {
    shape,
    tiles: [],
    dispatches: 0,
    paddedShape: shape,
    buffers: { activationBytes: 0, weightBytes: 0, outputBytes: 0 },
    hostAccumulations: 0,
    modelled: undefined,
  };
}
