import type { Engine } from '../../ort/engine.js';
import type { WindowComparison } from './logit-comparison.js';
import { LogitComparison } from './logit-comparison.js';
import type { WindowEvaluator } from './window-evaluator.js';

/** What is known of one window. Losses are mean negative log likelihoods of a predicted token in nats. */
export interface WindowResult {
  readonly loss: number;
  readonly referenceLoss?: number;
  readonly comparison?: WindowComparison;
}

/** Evaluates batches of windows of equal length with a model, beside a reference if there is one. */
export class Evaluator {
  readonly #engine: Engine;
  readonly #vocabularySize: number;
  readonly #model: WindowEvaluator;
  readonly #reference: WindowEvaluator | undefined;
  #comparison: LogitComparison | undefined;

  /** With a reference both evaluators keep their logits, float32 [1, length, vocabulary]. */
  constructor(engine: Engine, vocabularySize: number, model: WindowEvaluator, reference?: WindowEvaluator) {
    this.#engine = engine;
    this.#vocabularySize = vocabularySize;
    this.#model = model;
    this.#reference = reference;
  }

  /** `report` is told which share of the work is done. The logits of one window at a time are in memory. */
  evaluate(windows: readonly Int32Array[], report: (share: number) => void): readonly WindowResult[] {
    const evaluators = [this.#model, ...(this.#reference === undefined ? [] : [this.#reference])];
    const steps = evaluators.reduce((sum, { stretches }) => sum + stretches, 0);
    let done = 0;
    for (const evaluator of evaluators) {
      const before = evaluator.stretches - 1;
      evaluator.begin(windows, (share) => report((done + share * before) / steps));
      done += before;
    }
    const results = windows.map((_, window) => {
      const result = this.#evaluateWindow(window);
      report((done + ((window + 1) / windows.length) * evaluators.length) / steps);
      return result;
    });
    for (const evaluator of evaluators) evaluator.end();
    return results;
  }

  #evaluateWindow(window: number): WindowResult {
    const { loss, logits } = this.#model.evaluate(window);
    const expected = this.#reference?.evaluate(window);
    if (expected?.logits === undefined || logits === undefined) return { loss };
    this.#comparison ??= new LogitComparison(this.#engine, this.#vocabularySize);
    return { loss, referenceLoss: expected.loss, comparison: this.#comparison.compare(expected.logits, logits) };
  }
}
