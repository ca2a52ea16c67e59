import type { Device, DeviceCapabilities, DispatchPlan, LinearOperator, Support } from '../device.js';
import { type NpuName, npuNames } from '../names.js';
import { largestExactDepth } from './arithmetic.js';
import { type KernelFlow, type KernelTable, kernelTable, kernelTables } from './kernels.js';
import { planTiles } from './plan.js';
import { modelTime } from './timing.js';

const descriptions: { readonly [npu in NpuName]: string } = {
  phx: 'Phoenix NPU, simulated: exact integer results on the CPU, modelled times (those of Hawk Point)',
  hpt: 'Hawk Point NPU, simulated: exact integer results on the CPU, modelled times',
  stx: 'Strix NPU, simulated: exact integer results on the CPU, modelled times',
};

const linearOperators = new Set(['Gemm', 'MatMul', 'MatMulInteger', 'MatMulNBits', 'QLinearMatMul']);

type Refusal = { readonly ok: false; readonly reason: string };
type FlowChoice = { readonly ok: true; readonly flow: KernelFlow } | Refusal;
type KernelChoice = { readonly ok: true; readonly kernels: KernelTable } | Refusal;

/** A simulated AMD NPU: the kernels, tiling and modelled times of one, without the device. */
export function simulatedNpu(npu: NpuName): Device {
  return {
    name: `npu:${npu}`,
    capabilities: () => capabilitiesOf(npu),
    supports(operator): Support {
      const choice = chooseKernels(npu, operator);
      return choice.ok ? { ok: true } : choice;
    },
    plan(operator, rows): DispatchPlan {
      const choice = chooseKernels(npu, operator);
      if (!choice.ok) throw new Error(`npu:${npu} was asked to plan an operator it refuses: ${choice.reason}`);
      const tiles = planTiles({ m: rows, k: operator.k, n: operator.n }, choice.kernels);
      return { ...tiles, modelled: modelTime(npu, tiles, choice.kernels) };
    },
  };
}

function capabilitiesOf(npu: NpuName): DeviceCapabilities {
  return {
    description: descriptions[npu],
    flows: kernelTables(npu).map(({ flow, rows, weights }) => ({ flow, rows, weights })),
  };
}

function chooseKernels(npu: NpuName, operator: LinearOperator): KernelChoice {
  const choice = chooseFlow(npu, operator);
  if (!choice.ok) return choice;
  const kernels = kernelTable(npu, choice.flow);
  if (kernels !== undefined) return { ok: true, kernels };
  const owners = npuNames.filter((other) => kernelTable(other, choice.flow) !== undefined);
  return refuse(`${choice.flow} needs ${owners.join(' or ')}; the ${npu} NPU has no kernels for it`);
}

function chooseFlow(npu: NpuName, operator: LinearOperator): FlowChoice {
  const { operatorType, constantWeights, weights } = operator;
  if (!linearOperators.has(operatorType)) return refuse(`${operatorType} is not a matrix product with weights`);
  if (!constantWeights) return refuse('weights are not constant');
  switch (weights.type) {
    case 'int8':
      return chooseInt8Flow(operator);
    case 'int4':
    case 'int3':
      return chooseGroupFlow(operator, weights.groupSize);
    case 'uint8':
      return refuse('uint8 weights: the kernels take int8; quantize the weights symmetrically');
    default:
      return refuse(
        `${weights.type} weights: the ${npu} NPU runs ${flowsInWords(npu)}; quantize this operator to offload it`,
      );
  }
}

/** Asymmetric uint8 activations are shifted by 128 and corrected with the column sums of the weights. */
function chooseInt8Flow({ activations, k }: LinearOperator): FlowChoice {
  if (activations === 'int16') return { ok: true, flow: 'w8a16' };
  if (activations !== 'int8' && activations !== 'uint8') {
    return refuse(`int8 weights with ${activations} activations: the kernels take int8, uint8 or int16 activations`);
  }
  if (k > largestExactDepth) {
    return refuse(`k is ${k}: sums of more than ${largestExactDepth} int8 products can overflow int32`);
  }
  return { ok: true, flow: 'w8a8' };
}

/** Scales and zero points of larger groups are repeated for the group size of the kernel. */
function chooseGroupFlow({ activations, n }: LinearOperator, groupSize: number): FlowChoice {
  if (activations === 'int8' || activations === 'uint8' || activations === 'int16') {
    return refuse(`group weights with ${activations} activations: the kernels take bfloat16 activations`);
  }
  if (groupSize <= 0 || groupSize % 32 !== 0) {
    return refuse(`group size ${groupSize}: kernels exist for 32 and 128, and serve multiples of them`);
  }
  if (n % 2 !== 0) return refuse(`n is ${n}: two 4-bit columns share a byte, so n has to be even`);
  return { ok: true, flow: groupSize % 128 === 0 ? 'w4-g128' : 'w4-g32' };
}

function flowsInWords(npu: NpuName): string {
  const integers = kernelTable(npu, 'w8a16') === undefined ? 'w8a8' : 'w8a8, w8a16';
  return `int8 (${integers}) and 3/4-bit group weights`;
}

function refuse(reason: string): Refusal {
  return { ok: false, reason };
}
