import type { ModelDirectory } from '../../models/model-directory.js';
import type { Model } from '../../onnx/model.js';
import type { Engine } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import type { Batch } from '../layerwise/decoder-walk.js';
import { DecoderWalk } from '../layerwise/decoder-walk.js';
import type { OpenPart } from '../layerwise/layerwise-model.js';
import { addTokenLosses } from './loss-graph.js';
import type { EvaluatedWindow, WindowEvaluator } from './window-evaluator.js';

export interface GraphEvaluatorOptions {
  readonly keepLogits: boolean;
  /** Smaller models are run as one graph. */
  readonly wholeModelBytes?: number;
}

/** Runs batches of windows through the graph of a model. Losses are computed inside it. */
export class GraphEvaluator implements WindowEvaluator {
  readonly #walk: DecoderWalk;
  readonly #vocabularySize: number;
  readonly #keepLogits: boolean;
  #logits: TensorData<'float32'> | undefined;
  #batch: Batch = { windows: [], states: [] };
  #last: OpenPart | undefined;

  constructor(engine: Engine, opened: ModelDirectory, { keepLogits, wholeModelBytes }: GraphEvaluatorOptions) {
    this.#walk = new DecoderWalk(engine, opened, wholeModelBytes);
    this.#vocabularySize = opened.info.vocabularySize;
    this.#keepLogits = keepLogits;
  }

  get stretches(): number {
    return this.#walk.stretches.length;
  }

  begin(windows: readonly Int32Array[], report: (share: number) => void = () => {}): void {
    const walk = this.#walk;
    this.#batch = walk.begin(windows);
    const steps = (walk.stretches.length - 1) * windows.length;
    for (const [index, stretch] of walk.stretches.slice(0, -1).entries()) {
      const part = walk.open(stretch, { values: [], extend: () => {} });
      for (const window of windows.keys()) {
        walk.run(part, stretch, this.#batch, window, {});
        report((index * windows.length + window + 1) / steps);
      }
      walk.close(part);
    }
    this.#last = walk.open(this.#lastStretch, { values: [walk.graph.value('logits')!], extend: this.#extend });
  }

  evaluate(window: number): EvaluatedWindow {
    const { length } = this.#batch.windows[window]!;
    const losses = zeros('float32', [1, length - 1]);
    const outputs: Record<string, TensorData> = { token_losses: losses };
    if (this.#keepLogits) outputs.logits = this.#logitsFor(length);
    if (this.#last === undefined) throw new Error('no windows are on their way');
    this.#walk.run(this.#last, this.#lastStretch, this.#batch, window, outputs);
    return { loss: losses.data.reduce((sum, loss) => sum + loss, 0) / losses.data.length, logits: this.#logits };
  }

  end(): void {
    if (this.#last !== undefined) this.#walk.close(this.#last);
    this.#last = undefined;
  }

  get #lastStretch(): DecoderWalk['stretches'][number] {
    return this.#walk.stretches.at(-1)!;
  }

  readonly #extend = ({ graph }: Model): void => {
    addTokenLosses(graph);
    const logits = graph.value('logits');
    if (this.#keepLogits && logits !== undefined) graph.addOutput(logits);
  };

  #logitsFor(length: number): TensorData<'float32'> {
    if (this.#logits?.dims[1] !== length) this.#logits = zeros('float32', [1, length, this.#vocabularySize]);
    return this.#logits;
  }
}
