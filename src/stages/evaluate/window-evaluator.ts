import type { TensorData } from '../../ort/tensor-data.js';

export interface EvaluatedWindow {
  /** Mean negative log likelihood of a predicted token, in nats. */
  readonly loss: number;
  /** float32 [1, length, vocabulary], the same memory for every window. Only when logits are kept. */
  readonly logits: TensorData<'float32'> | undefined;
}

/** Something that batches of windows are run through. */
export interface WindowEvaluator {
  /** How many stretches windows go through, one if the model is run as a whole. */
  readonly stretches: number;
  /** Takes windows to where logits are computed. `report` is told which share of that is done. */
  begin(windows: readonly Int32Array[], report?: (share: number) => void): void;
  /** Computes the logits and the loss of a window of the batch, by its number. */
  evaluate(window: number): EvaluatedWindow;
  /** Lets go of what the batch needed. */
  end(): void;
}
