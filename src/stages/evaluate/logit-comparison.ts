import { encodeModel } from '../../onnx/encode-model.js';
import type { Engine, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import { comparisonModel } from './loss-graph.js';

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
  readonly #divergence: TensorData<'float32'>;
  readonly #agreement: TensorData<'float32'>;

  constructor(engine: Engine, vocabularySize: number, length: number) {
    this.#session = engine.openSession({ bytes: encodeModel(comparisonModel(vocabularySize)) });
    this.#divergence = zeros('float32', [1, length]);
    this.#agreement = zeros('float32', [1, length]);
  }

  /** Both float32 [1, length, vocabulary]. */
  compare(reference: TensorData<'float32'>, logits: TensorData<'float32'>): WindowComparison {
    const inputs = { reference_logits: reference, logits };
    const bound = this.#session.bind(inputs, { divergence: this.#divergence, agreement: this.#agreement });
    bound.run();
    bound.release();
    return { divergence: sum(this.#divergence.data), agreement: sum(this.#agreement.data) };
  }
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
