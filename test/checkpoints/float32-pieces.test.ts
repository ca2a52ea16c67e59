import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CheckpointTensor, StridedView } from '../../src/checkpoints/checkpoint.js';
import type { Conversion, Range } from '../../src/checkpoints/float32-pieces.js';
import { convertPart, partsOf } from '../../src/checkpoints/float32-pieces.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';
import { QuernError } from '../../src/errors.js';
import { float32ArrayToBfloat16, float32ArrayToFloat16 } from '../../src/numerics/half.js';
import { withTemporaryDirectory } from '../support/temporary.js';

const rows = 1103;
const columns = 1025;
/** Integers that each of the types holds exactly. */
const matrix = Float32Array.from({ length: rows * columns }, (_, index) => (index % 211) - 105);

const encoders = {
  float32: (values: Float32Array) => values,
  float16: (values: Float32Array) => float32ArrayToFloat16(values),
  bfloat16: (values: Float32Array) => float32ArrayToBfloat16(values),
  float64: (values: Float32Array) => Float64Array.from(values),
};
type EncodedType = keyof typeof encoders;

function withMatrix(
  use: (tensor: CheckpointTensor) => void,
  { values = matrix, dataType = 'float16' }: { readonly values?: Float32Array; readonly dataType?: EncodedType } = {},
): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'model.safetensors');
    writeSafetensors(path, [{ name: 'w', dataType, dims: [rows, columns], data: encoders[dataType](values) }]);
    use(openSafetensors(path).tensors.get('w')!);
  });
}

/** Each element once, or it stays NaN. */
function collect(conversion: Conversion, parts = partsOf(conversion)): Float32Array {
  const count = conversion.form === 'plain' ? rows * columns : conversion.rows.count * columns;
  const result = new Float32Array(count).fill(Number.NaN);
  for (const part of parts) {
    convertPart(conversion, part, (values, place) => {
      assert.ok(result.subarray(place, place + values.length).every(Number.isNaN));
      result.set(values, place);
    });
  }
  return result;
}

const all: Range = { first: 0, count: rows };

for (const dataType of Object.keys(encoders) as EncodedType[]) {
  test(`a tensor of ${dataType}`, () =>
    withMatrix(
      (tensor) => {
        const values = collect({ form: 'plain', tensor, offset: 0 });
        assert.ok(values.every((value, index) => value === matrix[index]));
      },
      { dataType },
    ));

  test(`the transpose of a matrix of ${dataType}`, () =>
    withMatrix(
      (tensor) => {
        const values = collect({ form: 'transposed', tensor, rows: all });
        assert.ok(values.every((value, index) => value === transposed(index, all)));
      },
      { dataType },
    ));
}

function transposed(index: number, { first, count }: Range): number | undefined {
  return matrix[(first + (index % count)) * columns + Math.floor(index / count)];
}

test('with an offset', () =>
  withMatrix((tensor) => {
    const values = collect({ form: 'plain', tensor, offset: 1 });
    assert.ok(values.every((value, index) => value === matrix[index]! + 1));
  }));

test('the transpose of some rows, in parts of some of them', () =>
  withMatrix((tensor) => {
    const some = { first: 7, count: 1090 };
    const parts = [
      { first: 7, count: 1000 },
      { first: 1007, count: 89 },
      { first: 1096, count: 1 },
    ];
    const values = collect({ form: 'transposed', tensor, rows: some }, parts);
    assert.ok(values.every((value, index) => value === transposed(index, some)));
  }));

test('the transpose of a view', () =>
  withMatrix((tensor) => {
    // The rows in the opposite halves: what is read as row 0 is row 551, and so on.
    const view: StridedView = { dims: [551, 2, columns], strides: [columns, 551 * columns, 1] };
    const seen = { ...tensor, dims: [1102, columns], byteLength: 1102 * columns * 2, view };
    const values = collect({ form: 'transposed', tensor: seen, rows: { first: 0, count: 1102 } });
    const rowOf = (row: number): number => (row % 2) * 551 + Math.floor(row / 2);
    const isRight = (value: number, index: number): boolean =>
      value === matrix[rowOf(index % 1102) * columns + Math.floor(index / 1102)];
    assert.ok(values.every(isRight));
  }));

test('parts of a large tensor are of bounded size and cover it', () => {
  const dims = [50_272, 2048];
  const byteLength = 2 * 50_272 * 2048;
  const tensor = { name: 'w', dataType: 'float16', dims, path: '', offset: 0, byteLength } as const;
  const rowsOfAll = { first: 0, count: 50_272 };
  for (const [conversion, length, largest] of [
    [{ form: 'plain', tensor, offset: 0 }, 50_272 * 2048, 2 ** 24],
    [{ form: 'transposed', tensor, rows: rowsOfAll }, 50_272, 2 ** 24 / 2048],
  ] as const) {
    const parts = partsOf(conversion);
    let end = 0;
    for (const { first, count } of parts) {
      assert.is(first, end);
      assert.ok(count <= largest);
      end += count;
    }
    assert.is(end, length);
  }
});

for (const form of ['plain', 'transposed'] as const) {
  test(`a value that is not finite is refused by its place, ${form}`, () => {
    const values = matrix.slice();
    values[5 * columns + 3] = Number.NaN;
    values[700 * columns + 4] = Number.POSITIVE_INFINITY;
    return withMatrix(
      (tensor) => {
        const conversion: Conversion =
          form === 'plain' ? { form, tensor, offset: 0 } : { form, tensor, rows: { first: 0, count: rows } };
        assert.throws(
          () => collect(conversion),
          (error: unknown) => error instanceof QuernError && error.message.includes('NaN at [5, 3]'),
        );
      },
      { values },
    );
  });
}

for (const place of [0, 1024, rows * columns - 1]) {
  test(`an infinite value is refused at ${place}`, () => {
    const values = matrix.slice();
    values[place] = Number.NEGATIVE_INFINITY;
    return withMatrix(
      (tensor) => assert.throws(() => collect({ form: 'transposed', tensor, rows: all }), /-Infinity at/),
      { values },
    );
  });
}

test.run();
