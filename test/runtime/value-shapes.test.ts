import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import type { NamedTensors, Session } from '../../src/ort/engine.js';
import { zeros } from '../../src/ort/tensor-data.js';
import { dimsFor, hasRows, learnShapes } from '../../src/runtime/value-shapes.js';

/** A session of one input and one output whose dimensions follow from the number of tokens and of tokens with the past. */
function session(input: string, output: string, dims: (tokens: number, total: number) => number[]): Session {
  let total = 0;
  const info = (name: string) => [{ name, dataType: 'float32', dims: [] }] as const;
  return {
    inputs: [{ name: input, dataType: 'int64', dims: [] }, ...info('past')],
    outputs: info(output),
    run(feeds: NamedTensors) {
      total = feeds.past!.dims[1]!;
      return { [output]: zeros('float32', dims(feeds[input]!.dims[1]!, total)) };
    },
    bind: () => {
      throw new Error('not to be bound');
    },
    release: () => {},
  };
}

const caches = (capacity: number) => new Map([['past', zeros('float32', [1, capacity])]]);

test('dimensions are a straight line over the number of tokens', () => {
  const chain = [
    { session: session('input_ids', 'rows', (tokens) => [1, tokens, 8]) },
    { session: session('rows', 'flat', (tokens) => [2 * tokens + 1]) },
  ];
  const [rows, flat] = learnShapes(chain, caches);
  assert.equal(dimsFor(rows!, 7), [1, 7, 8]);
  assert.equal(dimsFor(flat!, 7), [15]);
  assert.ok(hasRows(rows!));
  assert.not(hasRows(flat!));
});

test('a device is not asked for the shape of a product', () => {
  const device = session('rows', 'product', () => {
    throw new Error('not to be run');
  });
  const chain = [
    { session: session('input_ids', 'rows', (tokens) => [1, tokens, 8]) },
    { session: device, outputFeatures: 5 },
  ];
  assert.equal(dimsFor(learnShapes(chain, caches)[1]!, 4), [1, 4, 5]);
});

test('shapes that depend on the past, or are no straight line, are refused', () => {
  for (const dims of [(tokens: number, total: number) => [tokens, total], (tokens: number) => [tokens * tokens]]) {
    assert.throws(
      () => learnShapes([{ session: session('input_ids', 'scores', dims) }], caches),
      (error: unknown) =>
        error instanceof QuernError &&
        error.message === 'the shape of value scores does not depend on the number of tokens alone',
    );
  }
});

test.run();
