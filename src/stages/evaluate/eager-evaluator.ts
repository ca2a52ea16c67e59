import { tokenTensor } from '../../models/decoder-inputs.js';
import { encodeModel } from '../../onnx/encode-model.js';
import type { Engine, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import type { Decoder } from '../../runtime/decoder.js';
import { lossModel } from './loss-graph.js';
import type { EvaluatedWindow, WindowEvaluator } from './window-evaluator.js';

/** Runs windows through a decoder, each in one pass, and computes the losses of its logits. */
export class EagerEvaluator implements WindowEvaluator {
  readonly stretches = 1;
  readonly #decoder: Decoder;
  readonly #losses: Session;
  readonly #vocabularySize: number;
  #windows: readonly Int32Array[] = [];

  constructor(engine: Engine, decoder: Decoder, vocabularySize: number) {
    this.#decoder = decoder;
    this.#vocabularySize = vocabularySize;
    this.#losses = engine.openSession({ bytes: encodeModel(lossModel(vocabularySize)) });
  }

  begin(windows: readonly Int32Array[]): void {
    this.#windows = windows;
  }

  evaluate(window: number): EvaluatedWindow {
    const ids = this.#windows[window]!;
    this.#decoder.reset();
    const data = this.#decoder.forwardAll(ids);
    const logits: TensorData<'float32'> = { dataType: 'float32', dims: [1, ids.length, this.#vocabularySize], data };
    const losses = zeros('float32', [1, ids.length - 1]);
    const bound = this.#losses.bind({ logits, input_ids: tokenTensor(ids) }, { token_losses: losses });
    bound.run();
    bound.release();
    return { loss: losses.data.reduce((sum, loss) => sum + loss, 0) / losses.data.length, logits };
  }

  end(): void {
    this.#windows = [];
  }
}
