import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { staticQuantization } from '../../src/quant/static-activations.js';

/** Largest magnitude, scale of int8, scale of uint8: what compute_scale_zp of ONNX Runtime 1.32 gives. */
const scales = [
  [1, 0.007874015718698502, 0.007843137718737125],
  [0.10000000149011612, 0.0007874015718698502, 0.0007843137136660516],
  [3.140625, 0.024729330092668533, 0.024632353335618973],
  [977, 7.69291353225708, 7.662744998931885],
] as const;

test('scales are those of ONNX Runtime to the last bit', () => {
  for (const [absmax, int8, uint8] of scales) {
    assert.equal(staticQuantization(absmax, 'int8'), { scale: int8, zeroPoint: 0 });
    assert.equal(staticQuantization(absmax, 'uint8'), { scale: uint8, zeroPoint: 128 });
  }
});

test('activations that are nothing have a scale of 1', () => {
  for (const absmax of [0, 5e-37]) {
    assert.equal(staticQuantization(absmax, 'int8'), { scale: 1, zeroPoint: 0 });
    assert.equal(staticQuantization(absmax, 'uint8'), { scale: 1, zeroPoint: 0 });
  }
});

test.run();
