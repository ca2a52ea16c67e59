import type { Conversion } from '../checkpoints/float32-pieces.js';
import { convertPart, partsOf } from '../checkpoints/float32-pieces.js';
import { byteLengthOf } from '../onnx/data-type.js';
import type { Tensor } from '../onnx/tensor.js';

/** A tensor of a checkpoint as float32, which is read and checked when it is asked for. */
export class ConvertedTensor implements Tensor {
  readonly dataType = 'float32';
  readonly dims: readonly number[];
  readonly byteLength: number;

  constructor(readonly conversion: Conversion) {
    const { form, tensor } = conversion;
    this.dims = form === 'plain' ? tensor.dims : [tensor.dims[1] ?? 0, conversion.rows.count];
    this.byteLength = byteLengthOf('float32', this.dims) ?? 0;
  }

  bytes(): Uint8Array {
    const values = new Float32Array(this.byteLength / 4);
    for (const part of partsOf(this.conversion)) {
      convertPart(this.conversion, part, (piece, place) => values.set(piece, place));
    }
    return new Uint8Array(values.buffer);
  }
}
