/**
 * A driver for quern in its simplest form: a "device" that multiplies in JavaScript. Put the calls of your own device's
 * library in the place of the loops. See docs/devices.md.
 *
 * @type {import('quern').DeviceDriver}
 */
export default {
  description: 'an example: float32 products, computed in JavaScript',

  supports(operator) {
    if (operator.weights.type !== 'float32') return `this device has no ${operator.weights.type} weights`;
    if (operator.k > 16_384) return `${operator.k} rows of weights are more than its memory holds`;
    return true;
  },

  prepare(operator, weights) {
    // Copy, transpose and pack the weights here: it happens once for each operator.
    return { k: operator.k, n: operator.n, values: weights.values };
  },

  run({ k, n, values }, { rows, activations, output }) {
    output.fill(0);
    for (let row = 0; row < rows; row++) {
      for (let depth = 0; depth < k; depth++) {
        const activation = activations[row * k + depth];
        for (let column = 0; column < n; column++) {
          output[row * n + column] += activation * values[depth * n + column];
        }
      }
    }
  },

  close() {
    // Let go of the device.
  },
};
