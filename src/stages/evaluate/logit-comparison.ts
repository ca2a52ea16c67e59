import { encodeModel } from '../../onnx/encode-model.js';
import type { Engine, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import { comparisonModel } from './loss-graph.js';

/** Compares the logits of a model with those of a reference, window by window. */
export class LogitComparison {
  readonly #session: Session;
  readonly #divergence: TensorData<'float32'>;
  readonly #agreement: TensorData<'float32'>;
  #divergenceSum = 0;
  #agreementSum = 0;
  #positions = 0;

  constructor(engine: Engine, vocabularySize: number, length: number) {
    this.#session = engine.openSession({ bytes: encodeModel(comparisonModel(vocabularySize)) });
    this.#divergence = zeros('float32', [1, length]);
    this.#agreement = zeros('float32', [1, length]);
  }

  /** Both float32 [1, length, vocabulary]. */
  add(reference: TensorData<'float32'>, logits: TensorData<'float32'>): void {
    const inputs = { reference_logits: reference, logits };
    const bound = this.#session.bind(inputs, { divergence: this.#divergence, agreement: this.#agreement });
    bound.run();
    bound.release();
    this.#divergenceSum += sum(this.#divergence.data);
    this.#agreementSum += sum(this.#agreement.data);
    this.#positions += this.#divergence.data.length;
  }

  /** Mean Kullback-Leibler divergence per position, in nats. */
  get meanDivergence(): number {
    return this.#divergenceSum / this.#positions;
  }

  /** Share of the positions at which both prefer the same token. */
  get meanAgreement(): number {
    return this.#agreementSum / this.#positions;
  }
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
