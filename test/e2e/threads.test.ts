import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Conversion } from '../../src/checkpoints/float32-pieces.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { ConvertedTensor } from '../../src/models/converted-tensor.js';
import { spread } from '../../src/numerics/threads/spread.js';
import type { Scheme, SchemeName } from '../../src/quant/schemes.js';
import { filesOf } from '../support/files-of.js';
import { loadCheckpoint, workPlace } from '../support/loaded-model.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { writeTinyOpt } from '../support/tiny-opt.js';

// Built files: threads don't start with TypeScript.
const { quantize }: typeof import('../../src/stages/quantize/work.js') = await import(
  new URL('../../dist/stages/quantize/work.js', import.meta.url).href
);

const conversionJob = new URL('../../dist/stages/load/conversion-job.js', import.meta.url);
const { run }: typeof import('../../src/stages/load/conversion-job.js') = await import(conversionJob.href);

const kQuant: Scheme = {
  form: 'nbits',
  weights: { type: 'int4', granularity: 'group', group: 16, symmetric: false, scale: 'k-quant' },
  activations: { type: 'float32' },
  accuracyLevel: 0,
};
const schemes: readonly (SchemeName | Scheme)[] = ['w8a8', 'w8a8-ort-channel', 'w4-nbits', 'w3-g128', kQuant];

test('weights quantized by one thread and by two, in other folders, are the same bytes', () =>
  withTemporaryDirectory(async (directory) => {
    const model = await loadCheckpoint(writeTinyOpt(join(directory, 'checkpoint')), join(directory, 'model'));
    for (const [index, scheme] of schemes.entries()) {
      const [one, two] = [1, 2].map((threads) => join(directory, `${index}-${threads}`));
      for (const [to, threads] of [
        [one!, 1],
        [two!, 2],
      ] as const) {
        const done: number[] = [];
        const report = ({ done: count }: { readonly done: number }): void => void done.push(count);
        const parameters = { rules: [{ match: {}, scheme }] };
        await quantize({ ...workPlace(to, threads), parameters, inputs: { model }, report });
        assert.equal(
          done,
          done.map((_, place) => place + 1),
        );
      }
      assert.equal(filesOf(one!), filesOf(two!), JSON.stringify(scheme));
    }
  }));

test('parts of matrices that threads convert into one file are the whole of each', () =>
  withTemporaryDirectory(async (directory) => {
    const checkpoint = openSafetensors(join(writeTinyOpt(join(directory, 'checkpoint')), 'model.safetensors'));
    const matrices = [...checkpoint.tensors.values()].filter(({ dims }) => dims.length === 2);
    const conversions = matrices.map((tensor) => {
      const rows = { first: 0, count: tensor.dims[0]! };
      return { form: 'transposed', tensor, rows } satisfies Conversion;
    });
    const jobs = conversions.flatMap((conversion, index) => {
      const path = join(directory, String(index));
      writeFileSync(path, '');
      const { count } = conversion.rows;
      return Array.from({ length: Math.ceil(count / 10) }, (_, part) => {
        const first = part * 10;
        return { conversion, path, part: { first, count: Math.min(10, count - first) } };
      });
    });
    await spread({ jobs, run, module: conversionJob }, 3, () => {});
    for (const [index, conversion] of conversions.entries()) {
      const expected = Buffer.from(new ConvertedTensor(conversion).bytes());
      assert.ok(expected.equals(readFileSync(join(directory, String(index)))), conversion.tensor.name);
    }
  }));

test.run();
