import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bfloat16ToFloat32 } from '../../../../src/numerics/half.js';
import { roundHalfToEven } from '../../../../src/numerics/rounding.js';
import { encodeModel } from '../../../../src/onnx/encode-model.js';
import { tensorFrom } from '../../../../src/onnx/tensor.js';
import { openEngine } from '../../../../src/ort/open-engine.js';
import type { OperatorSource } from '../../../../src/runtime/devices/device.js';
import { dequantize, gemmInt8, quantizeActivations } from '../../../../src/runtime/devices/npu/arithmetic.js';
import {
  bfloat16Weights,
  openBfloat16Kernel,
  roundToBfloat16,
} from '../../../../src/runtime/devices/npu/bfloat16-kernel.js';
import { openRequantizingKernel } from '../../../../src/runtime/devices/npu/requantizing-kernel.js';
import { simulatedNpu } from '../../../../src/runtime/devices/npu/simulated.js';
import { readOperatorWeights } from '../../../../src/runtime/operator-weights.js';
import {
  bitsOf,
  floatSource,
  multiply,
  operatorSource,
  pseudoRandom,
  qlinearSource,
  randomCodes,
} from '../../operator-fixtures.js';

const engine = await openEngine({ threads: 2 });
test.after(() => engine.close());

/** The definition of w8a16: every sum is exact in float64. */
function multiplyInt16(x: Float32Array, codes: Int8Array, k: number, weightScale: number): Float32Array {
  const n = codes.length / k;
  const scale = Math.fround(x.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 32_768) || 2 ** -126;
  const quantized = x.map((value) => Math.max(-32_768, Math.min(32_767, roundHalfToEven(Math.fround(value / scale)))));
  const y = new Float32Array((x.length / k) * n);
  for (let index = 0; index < y.length; index++) {
    const [row, column] = [Math.floor(index / n), index % n];
    let sum = 0;
    for (let depth = 0; depth < k; depth++) sum += quantized[row * k + depth]! * codes[depth * n + column]!;
    y[index] = Math.fround(sum) * Math.fround(scale * weightScale);
  }
  return y;
}

test('w8a16 is exact: random values, extremes of both signs, ties, zeros, one row and several', () => {
  const [k, n] = [300, 24];
  const stx = simulatedNpu('stx');
  for (const codes of [randomCodes(k * n), new Int8Array(k * n).fill(-128), new Int8Array(k * n).fill(127)]) {
    const source = qlinearSource(engine, codes, k, 0.0123, 16);
    assert.ok(stx.supports(source.operator).ok);
    const prepared = stx.prepare(source);
    for (const rows of [1, 3]) {
      const extremes = [-1, 1, 0].map((value) => new Float32Array(rows * k).fill(value));
      const ties = Float32Array.from({ length: rows * k }, (_, index) =>
        index === 0 ? 32_768 : (index % 600) - 299.5,
      );
      for (const x of [pseudoRandom(rows * k, 7), ...extremes, ties]) {
        assert.equal(bitsOf(multiply(prepared, x, rows)), bitsOf(multiplyInt16(x, codes, k, Math.fround(0.0123))));
      }
    }
    prepared.release();
  }
});

test('w8a16 runs on Strix alone', () => {
  const { operator } = qlinearSource(engine, randomCodes(64), 8, 1, 16);
  const support = simulatedNpu('hpt').supports(operator);
  assert.ok(!support.ok && /w8a16 needs stx/.test(support.reason));
});

test('sums that are as large as they get stay exact', () => {
  const k = 11_264;
  for (const code of [-128, 127]) {
    const source = qlinearSource(engine, new Int8Array(k * 2).fill(code), k, 1, 16);
    const prepared = simulatedNpu('stx').prepare(source);
    const x = new Float32Array(k).fill(-1);
    assert.equal([...multiply(prepared, x, 1)], [...multiplyInt16(x, new Int8Array(k * 2).fill(code), k, 1)]);
    prepared.release();
  }
});

/** The stated order: blocks of 256 along k inside a dispatch, then dispatches. */
function multiplyBfloat16(x: Float32Array, weights: Float32Array, k: number, tileDepth: number): Float32Array {
  const n = weights.length / k;
  const rounded = x.map(roundToBfloat16);
  return Float32Array.from({ length: (x.length / k) * n }, (_, index) => {
    const [row, column] = [Math.floor(index / n), index % n];
    let total: number | undefined;
    for (let tile = 0; tile < k; tile += tileDepth) {
      const tileEnd = Math.min(k, tile + tileDepth);
      let part: number | undefined;
      for (let start = tile; start < tileEnd; start += 256) {
        let sum = 0;
        for (let depth = start; depth < Math.min(tileEnd, start + 256); depth++) {
          sum = Math.fround(sum + rounded[row * k + depth]! * weights[depth * n + column]!);
        }
        part = part === undefined ? sum : Math.fround(part + sum);
      }
      total = total === undefined ? part : Math.fround(total + (part ?? 0));
    }
    return total ?? 0;
  });
}

const groupSize = 32;

function groupSource(k: number, n: number, zeroPoints: 'none' | 'codes' | 'floats'): OperatorSource {
  const groups = Math.ceil(k / groupSize);
  const packed = Uint8Array.from(pseudoRandom((n * groups * groupSize) / 2, 3), (value) =>
    Math.floor((value + 1) * 127),
  );
  const scales = pseudoRandom(n * groups, 5);
  const points = {
    none: [],
    codes: [tensorFrom('uint8', [n * Math.ceil(groups / 2)], packed.slice(0, n * Math.ceil(groups / 2)))],
    floats: [
      tensorFrom(
        'float32',
        [n * groups],
        Float32Array.from({ length: n * groups }, (_, index) => index % 7),
      ),
    ],
  }[zeroPoints];
  return operatorSource(engine, {
    opType: 'MatMulNBits',
    domain: 'com.microsoft',
    constants: [
      tensorFrom('uint8', [n, groups, groupSize / 2], packed),
      tensorFrom('float32', [n * groups], scales),
      ...points,
    ],
    attributes: { K: k, N: n, bits: 4, block_size: groupSize },
  });
}

for (const zeroPoints of ['none', 'codes', 'floats'] as const) {
  test(`group weights are read as MatMulNBits understands them, zero points: ${zeroPoints}`, () => {
    const [k, n] = [96, 6];
    const source = groupSource(k, n, zeroPoints);
    const weights = readOperatorWeights(source);
    assert.ok(weights.form === 'groups');
    // A row of the identity gives a row of the weights.
    const session = simulatedNpu('stx').prepare(source);
    const whole = source.engine.openSession({ bytes: encoded(source) });
    for (const depth of [0, 31, 32, 95]) {
      const x = new Float32Array(k);
      x[depth] = 1;
      const group = Math.floor(depth / groupSize) * n;
      const expected = Float32Array.from({ length: n }, (_, column) => {
        const steps = weights.codes[depth * n + column]! - weights.zeroPoints[group + column]!;
        return steps * weights.scales[group + column]!;
      });
      const actual = multiply(whole, x, 1);
      for (const [column, value] of expected.entries()) assert.ok(Math.abs(value - actual[column]!) < 1e-5);
      const row = bfloat16Weights(weights, n).subarray(depth * n, (depth + 1) * n);
      assert.equal([...multiply(session, x, 1)], [...row]);
    }
    for (const opened of [session, whole]) opened.release();
  });
}

test('group products have the bits of the stated order, whatever the rows, and with depth cut into dispatches', () => {
  const [k, n] = [800, 12];
  const source = groupSource(k, n, 'floats');
  const weights = bfloat16Weights(readOperatorWeights(source), n);
  for (const tileDepth of [4096, 256, 512]) {
    const prepared = openBfloat16Kernel(source, tileDepth);
    for (const rows of [1, 5]) {
      const x = pseudoRandom(rows * k, 11).map((value) => value * 42);
      assert.equal(bitsOf(multiply(prepared, x, rows)), bitsOf(multiplyBfloat16(x, weights, k, tileDepth)));
    }
    prepared.release();
  }
});

test('float operators run in bfloat16 where that is asked for, and nowhere else', () => {
  const [k, n] = [70, 9];
  const values = pseudoRandom(k * n, 13);
  const source = floatSource(engine, values, k);
  assert.not(simulatedNpu('stx').supports(source.operator).ok);
  const device = simulatedNpu('stx', { bfloat16: true });
  assert.ok(device.supports(source.operator).ok);
  assert.ok(device.plan(source.operator, 1).modelled!.time.totalUs > 0);
  assert.ok(device.capabilities().flows.some(({ flow }) => flow === 'bf16'));
  const prepared = device.prepare(source);
  const x = pseudoRandom(2 * k, 17);
  assert.equal(bitsOf(multiply(prepared, x, 2)), bitsOf(multiplyBfloat16(x, values.map(roundToBfloat16), k, 4096)));
  prepared.release();
});

test('all 65,536 bfloat16 values are themselves, and what lies between rounds to the even one', () => {
  for (let bits = 0; bits < 0x1_0000; bits++) {
    const value = bfloat16ToFloat32(bits);
    assert.ok(Object.is(roundToBfloat16(value), value));
  }
  assert.is(roundToBfloat16(1 + 2 ** -8), 1);
  assert.is(roundToBfloat16(1 + 3 * 2 ** -8), 1 + 2 ** -6);
});

test('int16 requantization rounds and clips each dispatch along k', () => {
  const [k, n, requantizeScale, tileDepth] = [256, 10, 32, 128];
  const codes = randomCodes(k * n, 19).map((code, index) => (index % n === 0 ? 127 : code));
  const source = qlinearSource(engine, codes, k, 0.5, 8);
  const prepared = openRequantizingKernel(source, tileDepth, requantizeScale);
  const x = Float32Array.from({ length: 2 * k }, (_, index) => (index < k ? 1 : pseudoRandom(1, index + 1)[0]!));
  const { values, scale } = quantizeActivations(x);
  const sums = new Int32Array(2 * n);
  let clippedCount = 0;
  for (let start = 0; start < k; start += tileDepth) {
    const left = Int8Array.from({ length: 2 * tileDepth }, (_, index) => {
      return values[Math.floor(index / tileDepth) * k + start + (index % tileDepth)]!;
    });
    const product = gemmInt8(left, codes.subarray(start * n, (start + tileDepth) * n), { m: 2, k: tileDepth, n });
    product.forEach((sum, index) => {
      const rounded = roundHalfToEven(sum / requantizeScale);
      const clipped = Math.max(-32_768, Math.min(32_767, rounded));
      if (clipped !== rounded) clippedCount++;
      sums[index]! += clipped * requantizeScale;
    });
  }
  assert.ok(clippedCount > 0);
  assert.equal(bitsOf(multiply(prepared, x, 2)), bitsOf(dequantize(sums, scale, 0.5)));
  prepared.release();
});

test('a device with requantization gives other results than one without, near to them', () => {
  const k = 64;
  const source = qlinearSource(engine, randomCodes(k * 8), k, 0.01, 8);
  const [exact, narrowed] = [simulatedNpu('phx'), simulatedNpu('phx', { requantizeScale: 128 })].map((device) => {
    const prepared = device.prepare(source);
    const y = multiply(prepared, pseudoRandom(k, 23), 1);
    prepared.release();
    return y;
  });
  assert.not.equal(bitsOf(exact!), bitsOf(narrowed!));
  for (const [index, value] of exact!.entries())
    assert.ok(Math.abs(value - narrowed![index]!) <= 64 / 128 / 100 + 1e-6);
});

function encoded({ model }: OperatorSource): Uint8Array {
  return encodeModel(model, new Map());
}

test.run();
