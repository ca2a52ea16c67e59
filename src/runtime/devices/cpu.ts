import type { Device } from './device.js';

/** The CPU takes every operator as it is: no tiles, no padding, and times that are measured, not modelled. */
export const cpuDevice: Device = {
  name: 'cpu',
  capabilities: () => ({ description: 'ONNX Runtime on the CPU: every operator, measured times', flows: [] }),
  supports: () => ({ ok: true }),
  plan(operator, rows) {
    const shape = { m: rows, k: operator.k, n: operator.n };
    return {
      shape,
      tiles: [],
      dispatches: 0,
      paddedShape: shape,
      buffers: { activationBytes: 0, weightBytes: 0, outputBytes: 0 },
      hostAccumulations: 0,
      modelled: undefined,
    };
  },
};
