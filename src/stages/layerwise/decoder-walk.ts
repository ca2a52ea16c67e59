import { QuernError } from '../../errors.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import type { Stretch } from '../../models/segments.js';
import { findStretches, wholeStretch } from '../../models/segments.js';
import type { Graph } from '../../onnx/ir.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import type { Engine, NamedTensors } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import { LayerwiseModel, type PartExtension } from './layerwise-model.js';
import type { OpenPart } from './open-part.js';
import type { WindowPass } from './window-passes.js';

/** Models with fewer bytes of weights are run as one graph. */
const largestWholeModelBytes = 2 ** 30;

/** What a stretch computes besides what it hands on: `extend` makes more of `values` where they are computed. */
export interface Extension extends PartExtension {
  readonly values: readonly Value[];
}

/** Windows on their way through a model, with the residual stream where they are. */
export interface Batch {
  readonly windows: readonly Int32Array[];
  readonly states: readonly TensorData<'float32'>[];
}

/**
 * Runs windows through a decoder: large ones stretch by stretch, a batch of windows at a time, so that memory holds the
 * weights of one stretch; small ones as a whole. Which of both follows from the model alone, never from the machine.
 */
export class DecoderWalk {
  readonly stretches: readonly Stretch[];
  readonly #model: LayerwiseModel;
  #whole: OpenPart | undefined;

  /** Takes over the model. */
  constructor(engine: Engine, opened: ModelDirectory, wholeModelBytes = largestWholeModelBytes) {
    this.#model = new LayerwiseModel(engine, opened);
    const { graph } = this.#model.model;
    this.stretches = weightBytes(graph) < wholeModelBytes ? [wholeStretch(graph)] : stretchesIfAny(graph);
    for (const { output } of this.stretches) {
      if (output !== undefined) output.type ??= { dataType: 'float32', shape: [1, 'tokens', opened.info.hiddenSize] };
    }
  }

  get graph(): Graph {
    return this.#model.model.graph;
  }

  begin(windows: readonly Int32Array[]): Batch {
    const { hiddenSize } = this.#model.info;
    const isWhole = this.stretches.length === 1;
    return { windows, states: isWhole ? [] : windows.map((ids) => zeros('float32', [1, ids.length, hiddenSize])) };
  }

  /** Opens a stretch. A model that is one stretch stays open: it is always extended in the same way. */
  open({ input, output }: Stretch, { values, extend, ...how }: Extension): OpenPart {
    if (this.#whole !== undefined) return this.#whole;
    const outputs = new Set([...(output === undefined ? [] : [output]), ...values]);
    const extendValues = (model: Model): void => {
      for (const { name } of values) if (name !== output?.name) removeOutput(model, name);
      extend?.(model);
    };
    const part = this.#model.open(input === undefined ? [] : [input], [...outputs], {
      ...how,
      ...(extend === undefined ? {} : { extend: extendValues }),
    });
    if (this.stretches.length === 1) this.#whole = part;
    return part;
  }

  /** Lets go of a stretch, unless it will be needed again. */
  close(part: OpenPart): void {
    if (part !== this.#whole) part.close();
  }

  /** Runs a window of a batch through an open stretch, and moves its residual stream on. */
  run(part: OpenPart, stretch: Stretch, batch: Batch, window: number, outputs: NamedTensors): void {
    const state = batch.states[window];
    const { output } = stretch;
    const next = state === undefined || output === undefined ? undefined : zeros('float32', state.dims);
    part.run(
      batch.windows[window]!,
      inputOf(stretch, batch, window),
      output === undefined || next === undefined ? outputs : { ...outputs, [output.name]: next },
    );
    if (next !== undefined) state?.data.set(next.data);
  }

  /** Runs a pass of a window through the last stretch, behind those before it. `outputs` have the rows of the pass. */
  runPass(part: OpenPart, batch: Batch, window: number, pass: WindowPass, outputs: NamedTensors): void {
    const stretch = this.stretches.at(-1)!;
    part.runPass(batch.windows[window]!, pass, inputOf(stretch, batch, window), outputs);
  }
}

/** The residual stream of a window, where a stretch does not start from the tokens. */
function inputOf({ input }: Stretch, { states }: Batch, window: number): NamedTensors {
  const state = states[window];
  return input === undefined || state === undefined ? {} : { [input.name]: state };
}

/** A model that does not fall into stretches is run as a whole, whatever its size. */
function stretchesIfAny(graph: Graph): readonly Stretch[] {
  try {
    return findStretches(graph);
  } catch (error) {
    if (error instanceof QuernError) return [wholeStretch(graph)];
    throw error;
  }
}

function removeOutput({ graph }: Model, name: string): void {
  const value = graph.value(name);
  if (value !== undefined) graph.removeOutput(value);
}

function weightBytes({ initializers }: Graph): number {
  const tensors = new Set([...initializers.values()].map(({ initializer }) => initializer));
  return [...tensors].reduce((sum, tensor) => sum + (tensor?.byteLength ?? 0), 0);
}
