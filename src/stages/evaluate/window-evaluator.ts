import { promptInputs } from '../../models/decoder-inputs.js';
import { openModelSession } from '../../models/graph-session.js';
import { lowerAttention } from '../../models/lower-attention.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import type { Engine, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import { computeTokenLosses } from './loss-graph.js';

export interface EvaluatedWindow {
  /** Mean negative log likelihood of a predicted token, in nats. */
  readonly loss: number;
  /** float32 [1, length, vocabulary], the same memory for every window. Only when logits are kept. */
  readonly logits: TensorData<'float32'> | undefined;
}

/** Runs windows through the whole graph of a model. Losses are computed inside the graph. */
export class WindowEvaluator {
  readonly #session: Session;
  readonly #model: ModelDirectory;
  readonly #keepLogits: boolean;
  #logits: TensorData<'float32'> | undefined;

  constructor(engine: Engine, model: ModelDirectory, options: { readonly keepLogits: boolean }) {
    this.#model = model;
    this.#keepLogits = options.keepLogits;
    lowerAttention(model.model);
    computeTokenLosses(model.model.graph, options);
    this.#session = openModelSession(engine, model.model, model.directory);
  }

  evaluate(ids: Int32Array): EvaluatedWindow {
    const losses = zeros('float32', [1, ids.length - 1]);
    const outputs: Record<string, TensorData> = { token_losses: losses };
    if (this.#keepLogits) outputs.logits = this.#logitsFor(ids.length);
    const bound = this.#session.bind(promptInputs(this.#model.info, ids), outputs);
    bound.run();
    bound.release();
    return { loss: losses.data.reduce((sum, loss) => sum + loss, 0) / losses.data.length, logits: this.#logits };
  }

  #logitsFor(length: number): TensorData<'float32'> {
    if (this.#logits?.dims[1] !== length) this.#logits = zeros('float32', [1, length, this.#model.info.vocabularySize]);
    return this.#logits;
  }
}
