import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { decodeModel } from '../../src/onnx/decode-model.js';
import type { ExternalReference } from '../../src/onnx/decode-tensor.js';
import { encodeModel } from '../../src/onnx/encode-model.js';
import type { Model } from '../../src/onnx/model.js';
import { MemoryTensor, type Tensor } from '../../src/onnx/tensor.js';
import { assertLinked } from './links.js';
import { oddModel } from './sample-model.js';

function resolve({ dataType, dims, byteLength }: ExternalReference): Tensor {
  if (byteLength > 1e6) throw new QuernError('input', 'larger than its file');
  return new MemoryTensor(dataType, dims, new Uint8Array(byteLength));
}

/** The model, or `undefined` when the bytes are refused as they should be: with a `QuernError`. */
function decode(bytes: Uint8Array): Model | undefined {
  try {
    return decodeModel(bytes, resolve);
  } catch (error) {
    if (error instanceof QuernError && error.code === 'input') return undefined;
    throw error;
  }
}

test('a model cut off anywhere is refused or complete in itself', () => {
  const bytes = encodeModel(oddModel());
  let refused = 0;
  for (let length = 0; length < bytes.byteLength; length++) {
    const model = decode(bytes.slice(0, length));
    if (model === undefined) refused += 1;
    else assertLinked(model.graph);
  }
  assert.ok(refused > bytes.byteLength * 0.99);
});

test('a model with any bit flipped is refused or consistent, and can be written again', () => {
  const bytes = encodeModel(oddModel());
  let refused = 0;
  for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const model = decode(damaged);
    if (model === undefined) {
      refused += 1;
    } else {
      assertLinked(model.graph);
      encodeModel(model);
    }
  }
  assert.ok(refused > 0 && refused < bytes.byteLength * 8);
});

test('lengths that the bytes do not have are refused without being believed', () => {
  const graphOfTwoGibibytes = Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07);
  const negativeLength = Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
  for (const bytes of [graphOfTwoGibibytes, negativeLength]) assert.is(decode(bytes), undefined);
});

test('graphs nested too deeply are refused', () => {
  let bytes = Uint8Array.of();
  const field = (number: number, content: Uint8Array): Uint8Array<ArrayBuffer> => {
    const length = [
      (content.byteLength & 0x7f) | 0x80,
      ((content.byteLength >> 7) & 0x7f) | 0x80,
      content.byteLength >> 14,
    ];
    return Uint8Array.from([(number << 3) | 2, ...length, ...content]);
  };
  for (let depth = 0; depth < 500; depth++) bytes = field(1, field(5, field(6, bytes)));
  assert.is(decode(field(7, bytes)), undefined);
});

test('bytes that are something else are refused', () => {
  const texts = ['', 'not a model', '<!doctype html><html></html>', '{"json": true}', 'PK\u0003\u0004'];
  for (const text of texts) assert.is(decode(new TextEncoder().encode(text)), undefined, text);
});

test.run();
