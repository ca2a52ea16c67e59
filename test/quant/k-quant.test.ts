import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type KQuantOptions, quantizeKQuant } from '../../src/quant/k-quant.js';
import { quantizeNBits } from '../../src/quant/nbits.js';
import type { NBits, NBitsBlock } from '../../src/quant/nbits-weight.js';
import { unpackZeroPoints } from '../../src/quant/nbits-zero-points.js';
import { arraysSha256, goldenCases } from './golden/fixture.js';
import { generate, type MatrixSpecification } from './golden/generate.js';

test("codes, scales and zero points are those of ONNX Runtime's k_quant", () => {
  interface Case extends KQuantOptions {
    readonly matrix: MatrixSpecification;
    readonly sha256: string;
  }
  for (const { matrix, sha256, ...options } of goldenCases<Case>('k-quant.json')) {
    const weight = quantizeKQuant(generate(matrix), options);
    const blocks = Math.ceil(weight.rows / weight.block);
    const byGroup = unpackZeroPoints(weight);
    const zeroPoints = Uint8Array.from(
      byGroup,
      (_, index) => byGroup[(index % blocks) * weight.columns + Math.floor(index / blocks)]!,
    );
    const what = `${JSON.stringify(options)} ${JSON.stringify(matrix)}`;
    assert.is(arraysSha256(weight.codes, weight.scales, zeroPoints), sha256, what);
  }
});

test('weights of 2 and 8 bits are byte for byte those of MatMulNBitsQuantizer', () => {
  interface Case {
    readonly matrix: MatrixSpecification;
    readonly bits: NBits;
    readonly block: NBitsBlock;
    readonly symmetric: boolean;
    readonly sha256: string;
  }
  for (const { matrix, sha256, ...options } of goldenCases<Case>('nbits-2-8.json')) {
    const { codes, scales, zeroPoints } = quantizeNBits(generate(matrix), options);
    const arrays = zeroPoints ? [codes, scales, zeroPoints] : [codes, scales];
    assert.is(arraysSha256(...arrays), sha256, `${JSON.stringify(options)} ${JSON.stringify(matrix)}`);
  }
});

test.run();
