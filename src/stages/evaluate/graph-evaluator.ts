import type { ModelDirectory } from '../../models/model-directory.js';
import type { Engine } from '../../ort/engine.js';
import { mean } from '../../runtime/averages.js';
import type { Batch } from '../layerwise/decoder-walk.js';
import { DecoderWalk } from '../layerwise/decoder-walk.js';
import type { OpenPart } from '../layerwise/open-part.js';
import { TokenLosses } from './token-losses.js';
import type { EvaluatedWindow, WindowEvaluator } from './window-evaluator.js';
import { WindowLogits } from './window-logits.js';

export interface GraphEvaluatorOptions {
  readonly keepLogits: boolean;
  /** Smaller models are run as one graph. */
  readonly wholeModelBytes?: number;
}

/** Runs batches of windows through the graph of a model, in several passes where that gives the same. */
export class GraphEvaluator implements WindowEvaluator {
  readonly #walk: DecoderWalk;
  readonly #losses: TokenLosses;
  readonly #logits: WindowLogits;
  #batch: Batch = { windows: [], states: [] };
  #last: OpenPart | undefined;

  constructor(engine: Engine, opened: ModelDirectory, { keepLogits, wholeModelBytes }: GraphEvaluatorOptions) {
    const { vocabularySize } = opened.info;
    this.#walk = new DecoderWalk(engine, opened, wholeModelBytes);
    this.#losses = new TokenLosses(engine, vocabularySize);
    this.#logits = new WindowLogits(vocabularySize, keepLogits);
  }

  get stretches(): number {
    return this.#walk.stretches.length;
  }

  begin(windows: readonly Int32Array[], report: (share: number) => void = () => {}): void {
    const walk = this.#walk;
    this.#batch = walk.begin(windows);
    const steps = (walk.stretches.length - 1) * windows.length;
    for (const [index, stretch] of walk.stretches.slice(0, -1).entries()) {
      const part = walk.open(stretch, { values: [], isPerToken: true });
      for (const window of windows.keys()) {
        walk.run(part, stretch, this.#batch, window, {});
        report((index * windows.length + window + 1) / steps);
      }
      walk.close(part);
    }
    this.#last = walk.open(walk.stretches.at(-1)!, { values: [walk.graph.value('logits')!], isPerToken: true });
  }

  evaluate(window: number): EvaluatedWindow {
    const last = this.#last;
    if (last === undefined) throw new Error('no windows are on their way');
    const ids = this.#batch.windows[window]!;
    const losses = last.passesOf(ids.length).flatMap((pass) => {
      const logits = this.#logits.rowsFor(ids, pass);
      this.#walk.runPass(last, this.#batch, window, pass, { logits });
      return [...this.#losses.of(ids, pass, logits)];
    });
    return { loss: mean(losses), logits: this.#logits.kept };
  }

  end(): void {
    if (this.#last !== undefined) this.#walk.close(this.#last);
    this.#last = undefined;
  }
}
