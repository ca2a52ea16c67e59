/**
 * A float32 matrix in row-major order. The weight of a MatMul has one row per input feature (K) and one column per
 * output feature (N), which is ONNX's order and the transpose of PyTorch's.
 */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** A matrix over existing values. Nothing is copied. */
export function matrix(values: Float32Array, rows: number, columns: number): Matrix {
  if (values.length !== rows * columns) {
    throw new Error(`a matrix of ${rows} rows and ${columns} columns can't hold ${values.length} values`);
  }
  return { values, rows, columns };
}
