import { tokenTensor } from '../../models/decoder-inputs.js';
import { encodeModel } from '../../onnx/encode-model.js';
import type { Engine, Session } from '../../ort/engine.js';
import { rowsOf, type TensorData, zeros } from '../../ort/tensor-data.js';
import { type WindowPass, windowPasses } from '../layerwise/window-passes.js';
import { lossModel, rowsTogether } from './loss-graph.js';

/** Computes what predictions of the tokens of a window lose. */
export class TokenLosses {
  readonly #session: Session;

  constructor(engine: Engine, vocabularySize: number) {
    this.#session = engine.openSession({ bytes: encodeModel(lossModel(vocabularySize)) });
  }

  /**
   * The negative log likelihoods of the tokens that a pass predicts, in nats. `logits`: float32 [1, tokens, vocabulary].
   */
  of(ids: Int32Array, { start, tokens }: WindowPass, logits: TensorData<'float32'>): Float32Array {
    const predicted = Math.min(tokens, ids.length - 1 - start);
    const losses = zeros('float32', [1, predicted]);
    for (const block of windowPasses(predicted, rowsTogether)) {
      const first = start + block.start + 1;
      const inputs = {
        logits: rowsOf(logits, block.start, block.tokens),
        next_ids: tokenTensor(ids.subarray(first, first + block.tokens)),
      };
      const bound = this.#session.bind(inputs, { token_losses: rowsOf(losses, block.start, block.tokens) });
      bound.run();
      bound.release();
    }
    return losses.data;
  }
}
