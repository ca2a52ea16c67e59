import { openUnitSession } from '../unit-sessions.js';
import type { Device } from './device.js';
import { untiledPlan } from './device.js';

/** The CPU takes every operator as it is, and its times are measured, not modelled. */
export const cpuDevice: Device = {
  name: 'cpu',
  capabilities: () => ({ description: 'ONNX Runtime on the CPU: every operator, measured times', flows: [] }),
  supports: () => ({ ok: true }),
  plan: untiledPlan,
  prepare: ({ engine, model, node, directory }) => openUnitSession(engine, model, [node], directory),
  close: () => {},
};
