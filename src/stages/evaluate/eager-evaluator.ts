import type { Engine } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { mean } from '../../runtime/averages.js';
import type { EagerModel } from '../../runtime/eager-model.js';
import { passTokens, type WindowPass, windowPasses } from '../layerwise/window-passes.js';
import { TokenLosses } from './token-losses.js';
import type { EvaluatedWindow, WindowEvaluator } from './window-evaluator.js';
import { WindowLogits } from './window-logits.js';

export interface EagerEvaluatorOptions {
  readonly vocabularySize: number;
  readonly keepLogits: boolean;
}

/** Runs windows through an eager model, in several passes where that gives the same. */
export class EagerEvaluator implements WindowEvaluator {
  readonly stretches = 1;
  readonly #model: EagerModel;
  readonly #losses: TokenLosses;
  readonly #keepsLogits: boolean;
  readonly #logits: WindowLogits;
  readonly #vocabularySize: number;
  #windows: readonly Int32Array[] = [];

  constructor(engine: Engine, model: EagerModel, { vocabularySize, keepLogits }: EagerEvaluatorOptions) {
    this.#model = model;
    this.#losses = new TokenLosses(engine, vocabularySize);
    this.#keepsLogits = keepLogits;
    this.#logits = new WindowLogits(vocabularySize, keepLogits);
    this.#vocabularySize = vocabularySize;
  }

  begin(windows: readonly Int32Array[]): void {
    this.#windows = windows;
  }

  evaluate(window: number): EvaluatedWindow {
    const ids = this.#windows[window]!;
    const passes = windowPasses(ids.length, this.#model.readsInParts ? passTokens : ids.length);
    this.#model.reset();
    const losses = passes.flatMap((pass) => [...this.#losses.of(ids, pass, this.#read(ids, pass))]);
    return { loss: mean(losses), logits: this.#logits.kept };
  }

  end(): void {
    this.#windows = [];
  }

  /** The logits of a pass. */
  #read(ids: Int32Array, pass: WindowPass): TensorData<'float32'> {
    const { start, tokens } = pass;
    const data = this.#model.forwardAll(ids.subarray(start, start + tokens));
    if (!this.#keepsLogits) return { dataType: 'float32', dims: [1, tokens, this.#vocabularySize], data };
    const logits = this.#logits.rowsFor(ids, pass);
    logits.data.set(data);
    return logits;
  }
}
