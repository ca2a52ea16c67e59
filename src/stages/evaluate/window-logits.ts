import { rowsOf, type TensorData, zeros } from '../../ort/tensor-data.js';
import type { WindowPass } from '../layerwise/window-passes.js';

/** The memory of logits: of a whole window where they are kept, else of one pass at a time. */
export class WindowLogits {
  readonly #vocabularySize: number;
  readonly #keeps: boolean;
  #memory: TensorData<'float32'> | undefined;

  constructor(vocabularySize: number, keeps: boolean) {
    this.#vocabularySize = vocabularySize;
    this.#keeps = keeps;
  }

  /** float32 [1, tokens of the pass, vocabulary] */
  rowsFor(ids: Int32Array, { start, tokens }: WindowPass): TensorData<'float32'> {
    const rows = this.#keeps ? ids.length : tokens;
    if (this.#memory === undefined || (this.#memory.dims[1] ?? 0) < rows) {
      this.#memory = zeros('float32', [1, rows, this.#vocabularySize]);
    }
    return rowsOf(this.#memory, this.#keeps ? start : 0, tokens);
  }

  /** float32 [1, length, vocabulary]: of the window whose passes asked for rows last, if they are kept. */
  get kept(): TensorData<'float32'> | undefined {
    return this.#keeps ? this.#memory : undefined;
  }
}
