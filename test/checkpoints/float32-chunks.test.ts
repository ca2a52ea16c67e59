import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { float32Chunks, transposedChunks } from '../../src/checkpoints/float32-chunks.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';
import { QuernError } from '../../src/errors.js';
import { float32ArrayToFloat16 } from '../../src/numerics/half.js';
import { withTemporaryDirectory } from '../support/temporary.js';

const rows = 1100;
const columns = 1025;
const matrix = Float32Array.from({ length: rows * columns }, (_, index) => (index % 2000) - 1000);

function withMatrix(use: (tensor: ReturnType<typeof openSafetensors>) => void, values = matrix): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    const data = float32ArrayToFloat16(values);
    writeSafetensors(path, [{ name: 'w', dataType: 'float16', dims: [rows, columns], data }]);
    use(openSafetensors(path));
  });
}

function collect(chunks: Iterable<Float32Array>): { readonly values: Float32Array; readonly pieces: number } {
  const values: number[] = [];
  let pieces = 0;
  for (const chunk of chunks) {
    for (const value of chunk) values.push(value);
    pieces++;
  }
  return { values: Float32Array.from(values), pieces };
}

test('a tensor comes whole, in pieces', () =>
  withMatrix(({ tensors }) => {
    const { values, pieces } = collect(float32Chunks(tensors.get('w')!));
    assert.ok(pieces > 1);
    assert.ok(values.every((value, index) => value === matrix[index]));
  }));

test('with an offset', () =>
  withMatrix(({ tensors }) => {
    const { values } = collect(float32Chunks(tensors.get('w')!, 1));
    assert.ok(values.every((value, index) => value === matrix[index]! + 1));
  }));

test('the transpose of some rows', () =>
  withMatrix(({ tensors }) => {
    const first = 7;
    const count = 1090;
    const { values, pieces } = collect(transposedChunks(tensors.get('w')!, { first, count }));
    assert.ok(pieces > 1);
    assert.is(values.length, columns * count);
    const isRight = (value: number, index: number): boolean =>
      value === matrix[(first + (index % count)) * columns + Math.floor(index / count)];
    assert.ok(values.every(isRight));
  }));

test("two that are read at the same time don't disturb each other", () =>
  withMatrix(({ tensors }) => {
    const one = float32Chunks(tensors.get('w')!);
    const other = float32Chunks(tensors.get('w')!, 5);
    const piece = one.next().value as Float32Array;
    other.next();
    assert.ok(piece.every((value, index) => value === matrix[index]));
    one.return(undefined);
    other.return(undefined);
  }));

test('a value that is not finite is refused, and memory can be used again', () => {
  const values = matrix.slice();
  values[5000] = Number.NaN;
  return withMatrix(({ tensors }) => {
    for (let attempt = 0; attempt < 2; attempt++) {
      assert.throws(
        () => collect(float32Chunks(tensors.get('w')!)),
        (error: unknown) => error instanceof QuernError,
      );
    }
  }, values);
});

test.run();
