import { encodeModel } from '../../onnx/encode-model.js';
import type { Engine, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { rowsOf, zeros } from '../../ort/tensor-data.js';
import { windowPasses } from '../layerwise/window-passes.js';
import { comparisonModel, rowsTogether } from './loss-graph.js';

/** How the logits of a window are to those of a reference, summed over its positions. */
export interface WindowComparison {
  /** Kullback-Leibler divergences, in nats. */
  readonly divergence: number;
  /** Positions at which both prefer the same token. */
  readonly agreement: number;
}

/** Compares the logits of a model with those of a reference, window by window. */
export class LogitComparison {
  readonly #session: Session;

  constructor(engine: Engine, vocabularySize: number) {
    this.#session = engine.openSession({ bytes: encodeModel(comparisonModel(vocabularySize)) });
  }

  /** Both float32 [1, length, vocabulary]. */
  compare(reference: TensorData<'float32'>, logits: TensorData<'float32'>): WindowComparison {
    const length = logits.dims[1] ?? 0;
    const [divergence, agreement] = [zeros('float32', [1, length]), zeros('float32', [1, length])];
    for (const { start, tokens } of windowPasses(length, rowsTogether)) {
      const bound = this.#session.bind(
        { reference_logits: rowsOf(reference, start, tokens), logits: rowsOf(logits, start, tokens) },
        { divergence: rowsOf(divergence, start, tokens), agreement: rowsOf(agreement, start, tokens) },
      );
      bound.run();
      bound.release();
    }
    return { divergence: sum(divergence.data), agreement: sum(agreement.data) };
  }
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
