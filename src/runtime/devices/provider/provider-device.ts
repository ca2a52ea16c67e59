import { QuernError } from '../../../errors.js';
import { Graph } from '../../../onnx/ir.js';
import { Model } from '../../../onnx/model.js';
import { tensorFromFloat32 } from '../../../onnx/tensor.js';
import type { Engine } from '../../../ort/engine.js';
import type { ExecutionProvider, ProviderRequest } from '../../../ort/execution-provider.js';
import type { Device, LinearOperator, OperatorSource, Support } from '../device.js';
import { untiledPlan } from '../device.js';
import { openOperator } from './operator-model.js';
import { FixedShapeOperator } from './provider-operator.js';
import { type TrialResult, tryOperator } from './trial.js';

/**
 * Opens an execution provider of ONNX Runtime as a device. It takes what it runs alone, without the CPU's help, and near to
 * the CPU's result: each kind and shape of operator is tried once.
 * @throws QuernError (`engine`) if it can't run a float product on this machine
 */
export function openProviderDevice(engine: Engine, request: ProviderRequest): Device {
  const name = providerDeviceName(request);
  const provider = openProvider(engine, request, name);
  const trials = new Map<string, TrialResult>();
  const trial = (source: OperatorSource): TrialResult => {
    const key = kindOf(source.operator);
    const result = trials.get(key) ?? tryOperator(source, provider);
    trials.set(key, result);
    return result;
  };
  return {
    name,
    capabilities: () => ({ description: describeProvider(request), flows: [] }),
    supports: (operator, source) => supports(operator, source, trial),
    plan: untiledPlan,
    prepare(source) {
      const result = trial(source);
      if (!result.ok) throw new Error(`${name} was given an operator it refuses: ${result.reason}`);
      if (result.shapes === 'fixed') return new FixedShapeOperator(source, provider);
      const input = source.node.requireInput(0).type?.shape;
      return openOperator(source, input?.slice(0, -1) ?? ['batch', 'sequence'], provider);
    },
    close: () => {},
  };
}

/** `ep:webgpu`, `ep:QNN`. */
export function providerDeviceName(request: ProviderRequest): string {
  return `ep:${'builtIn' in request ? request.builtIn : request.name}`;
}

export function describeProvider(request: ProviderRequest): string {
  if ('builtIn' in request) return `execution provider ${request.builtIn} of ONNX Runtime`;
  return `execution provider in ${request.library}`;
}

function openProvider(engine: Engine, request: ProviderRequest, name: string): ExecutionProvider {
  try {
    const provider = engine.openProvider(request);
    const result = tryOperator(smallProduct(engine), provider);
    if (!result.ok) throw new QuernError('engine', result.reason);
    return provider;
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    const { message, suggestion } = error;
    throw new QuernError('engine', `${name} can't be used: ${message}`, {
      ...(suggestion === undefined ? {} : { suggestion }),
      cause: error,
    });
  }
}

function supports(
  operator: LinearOperator,
  source: OperatorSource | undefined,
  trial: (source: OperatorSource) => TrialResult,
): Support {
  if (!operator.constantWeights) return { ok: false, reason: 'weights are not constant' };
  if (source === undefined)
    return { ok: false, reason: 'what it takes is known when it has tried the operators of a model' };
  const result = trial(source);
  if (!result.ok) return result;
  const { deviation } = result;
  return {
    ok: true,
    note: deviation === 0 ? "with the CPU's result" : `within ${deviation.toExponential(0)} of the CPU`,
  };
}

function kindOf({ operatorType, k, n, weights, activations, scheme }: LinearOperator): string {
  return JSON.stringify([operatorType, k, n, weights, activations, scheme]);
}

/** A float product that every provider runs which is of any use here. */
function smallProduct(engine: Engine): OperatorSource {
  const [k, n] = [64, 32];
  const graph = new Graph('product');
  const values = Float32Array.from({ length: k * n }, (_, index) => ((index * 7919) % 101) / 50 - 1);
  const inputs = [graph.addInput('x'), graph.addInitializer('weight', tensorFromFloat32([k, n], values))];
  const node = graph.addNode({ opType: 'MatMul', name: 'product', inputs, outputs: ['y'] });
  graph.addOutput(node.output);
  const model = new Model({ graph, opsets: new Map([['', 20]]) });
  const operator: LinearOperator = {
    operatorType: 'MatMul',
    k,
    n,
    weights: { type: 'float32' },
    constantWeights: true,
    activations: 'float32',
    scheme: 'float',
  };
  return { operator, engine, model, node, directory: '.' };
}
