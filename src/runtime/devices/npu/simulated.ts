import { unreachable } from '../../../errors.js';
import { openUnitSession } from '../../unit-sessions.js';
import type {
  Device,
  DeviceCapabilities,
  DispatchPlan,
  LinearOperator,
  OperatorSource,
  PreparedOperator,
  Support,
} from '../device.js';
import { gemmReason } from '../device.js';
import { type NpuName, npuNames } from '../names.js';
import { largestExactDepth } from './arithmetic.js';
import { openBfloat16Kernel } from './bfloat16-kernel.js';
import { bfloat16Kernels, type KernelFlow, type KernelTable, kernelTable, kernelTables } from './kernels.js';
import { planTiles } from './plan.js';
import { openRequantizingKernel } from './requantizing-kernel.js';
import { modelTime } from './timing.js';

const descriptions: { readonly [npu in NpuName]: string } = {
  phx: 'Phoenix NPU, simulated: exact results computed on the CPU, modelled times (those of Hawk Point)',
  hpt: 'Hawk Point NPU, simulated: exact results computed on the CPU, modelled times',
  stx: 'Strix NPU, simulated: exact results computed on the CPU, modelled times',
};

const linearOperators = new Set(['Gemm', 'MatMul', 'MatMulInteger', 'MatMulNBits', 'QLinearMatMul']);

type Refusal = { readonly ok: false; readonly reason: string };
type FlowChoice = { readonly ok: true; readonly flow: KernelFlow } | Refusal;
type KernelChoice = { readonly ok: true; readonly kernels: KernelTable } | Refusal;

export interface NpuOptions {
  /** Whether float operators run there too, rounded to bfloat16. Default: false. */
  readonly bfloat16?: boolean;
  /**
   * Narrows w8a8 accumulators to int16 by this power of two, as AMD's first overlays do. 16, 32 and 128 are what AMD's
   * calibrations gave. Default: accumulators stay int32.
   */
  readonly requantizeScale?: number;
}

/** A simulated AMD NPU: its kernels, their exact results, and modelled times, without the device. */
export function simulatedNpu(npu: NpuName, options: NpuOptions = {}): Device {
  const kernelsOf = (operator: LinearOperator): KernelTable => {
    const choice = chooseKernels(npu, operator, options);
    if (choice.ok) return choice.kernels;
    throw new Error(`npu:${npu} was asked to plan an operator it refuses: ${choice.reason}`);
  };
  return {
    name: `npu:${npu}`,
    capabilities: () => capabilitiesOf(npu, options),
    supports(operator): Support {
      const choice = chooseKernels(npu, operator, options);
      return choice.ok ? { ok: true } : choice;
    },
    plan(operator, rows): DispatchPlan {
      const kernels = kernelsOf(operator);
      const tiles = planTiles({ m: rows, k: operator.k, n: operator.n }, kernels);
      return { ...tiles, modelled: modelTime(npu, tiles, kernels) };
    },
    prepare: (source) => openKernel(source, kernelsOf(source.operator), options),
    close: () => {},
  };
}

/** Integer products don't depend on tiles, so the node itself is what the kernels compute. */
function openKernel(source: OperatorSource, kernels: KernelTable, { requantizeScale }: NpuOptions): PreparedOperator {
  const { operator, engine, model, node, directory } = source;
  const tileDepth = kernels.chooseWeights(operator.k, operator.n).k;
  switch (kernels.flow) {
    case 'w4-g32':
    case 'w4-g128':
    case 'bf16':
      return openBfloat16Kernel(source, tileDepth);
    case 'w8a8':
      if (requantizeScale !== undefined && operator.activations === 'int8') {
        return openRequantizingKernel(source, tileDepth, requantizeScale);
      }
      return openUnitSession(engine, model, [node], directory);
    case 'w8a16':
      return openUnitSession(engine, model, [node], directory);
    default:
      return unreachable(kernels.flow);
  }
}

function capabilitiesOf(npu: NpuName, { bfloat16 = false }: NpuOptions): DeviceCapabilities {
  const tables = [...kernelTables(npu), ...(bfloat16 ? [bfloat16Kernels] : [])];
  return {
    description: descriptions[npu],
    flows: tables.map(({ flow, rows, weights }) => ({ flow, rows, weights })),
  };
}

function chooseKernels(npu: NpuName, operator: LinearOperator, { bfloat16 = false }: NpuOptions): KernelChoice {
  const isFloat = operator.weights.type === 'float32' && operator.constantWeights;
  if (bfloat16 && isFloat) {
    return operator.operatorType === 'Gemm' ? refuse(gemmReason) : { ok: true, kernels: bfloat16Kernels };
  }
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
  if (activations !== 'int8' && activations !== 'uint8' && activations !== 'int16') {
    return refuse(`int8 weights with ${activations} activations: the kernels take int8, uint8 or int16 activations`);
  }
  if (k > largestExactDepth) {
    return refuse(`k is ${k}: sums of more than ${largestExactDepth} int8 products can overflow int32`);
  }
  return { ok: true, flow: activations === 'int16' ? 'w8a16' : 'w8a8' };
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
