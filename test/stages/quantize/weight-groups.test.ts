import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModel } from '../../../src/onnx/read.js';
import { FileTensor } from '../../../src/onnx/tensor.js';
import { quantize } from '../../../src/stages/quantize/work.js';
import { loadCheckpoint, workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';

test('the weights of a decoder layer share a file, which is the same when another layer is quantized otherwise', () =>
  withTemporaryDirectory(async (directory) => {
    const wren = join(import.meta.dirname, '../../../recipes/models/opt-wren-4m');
    const model = await loadCheckpoint(wren, join(directory, 'model'));
    const [one, other] = ['w4-g128', 'w3-g128'].map((scheme) => ({ scheme, place: join(directory, scheme) }));
    const finished: string[] = [];
    for (const { scheme, place } of [one!, other!]) {
      const rules = [
        { match: { name: 'lm_head' }, keep: 'float' },
        { match: { layers: [1] }, scheme },
        { match: {}, scheme: 'w4-g128' },
      ];
      const context = { ...workPlace(place), finished: (path: string) => finished.push(path) };
      await quantize({ ...context, parameters: { rules: rules as never }, inputs: { model } });
    }
    const files = readdirSync(join(one!.place, 'weights')).filter((name) => name.startsWith('quantized'));
    assert.equal(files.length, JSON.parse(readFileSync(join(wren, 'config.json'), 'utf8')).num_hidden_layers);
    const [first, second] = files.map((file) =>
      [one!, other!].map(({ place }) => readFileSync(join(place, 'weights', file))),
    );
    assert.ok(first![0]!.equals(first![1]!));
    assert.not.ok(second![0]!.equals(second![1]!));
    for (const file of files) assert.is(finished.filter((path) => path === `weights/${file}`).length, 2);
    const tensors = [...readModel(join(one!.place, 'model.onnx')).graph.initializers.values()].flatMap(
      ({ initializer }) => (initializer instanceof FileTensor && initializer.path.endsWith('-1') ? [initializer] : []),
    );
    assert.ok(tensors.length > 1);
    for (const { offset } of tensors) assert.is(offset % 4096, 0);
    const ends = tensors.map(({ offset, byteLength }) => offset + byteLength);
    assert.is(Math.max(...ends), statSync(join(one!.place, 'weights/quantized-1')).size);
  }));

test.run();
