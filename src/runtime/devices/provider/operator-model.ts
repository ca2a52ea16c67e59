import { openModelSession } from '../../../models/graph-session.js';
import type { DataType } from '../../../onnx/data-type.js';
import type { Dimension } from '../../../onnx/node.js';
import { extractSubgraph } from '../../../onnx/subgraph.js';
import type { Session } from '../../../ort/engine.js';
import type { ExecutionProvider } from '../../../ort/execution-provider.js';
import type { OperatorSource } from '../device.js';

/**
 * Opens an operator on a provider, or on the CPU without one. `leading`: the dimensions of the activations before their
 * last. Throws a `QuernError` when the provider does not take all of it.
 */
export function openOperator(
  { operator, engine, model, node, directory }: OperatorSource,
  leading: readonly Dimension[],
  provider?: ExecutionProvider,
): Session {
  const part = extractSubgraph(model, [node]);
  const dataType = inputType(operator.activations, operator.operatorType);
  for (const input of part.graph.inputs) {
    if (input.name === node.requireInput(0).name) input.type = { dataType, shape: [...leading, operator.k] };
    // A zero point.
    else input.type ??= { dataType, shape: [] };
  }
  for (const output of part.graph.outputs) output.type = undefined;
  return openModelSession(engine, part, directory, provider === undefined ? {} : { provider });
}

/** All but MatMulInteger quantize their activations themselves. */
function inputType(activations: OperatorSource['operator']['activations'], operatorType: string): DataType {
  if (operatorType === 'MatMulInteger') return activations;
  return activations === 'float16' || activations === 'bfloat16' ? activations : 'float32';
}
