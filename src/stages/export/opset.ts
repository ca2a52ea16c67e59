import { QuernError } from '../../errors.js';
import type { Graph } from '../../onnx/ir.js';
import type { Model } from '../../onnx/model.js';
import type { Node } from '../../onnx/node.js';
import { irVersionOfOpset } from '../../onnx/versions.js';

/** The opsets that a model can be exported with. Between them operators only gained data types. */
export const exportOpsets = [21, 22, 23, 24, 25, 26] as const;

/** Operators that came after the first of them, and with which opset. */
const laterOperators: { readonly [opType: string]: number } = {
  Attention: 23,
  RMSNormalization: 23,
  RotaryEmbedding: 23,
  Swish: 24,
  TensorScatter: 24,
};

/**
 * Declares another opset of ONNX, for readers that don't know that of the model.
 * @throws QuernError (`stage`) naming the first node whose operator is not in it
 */
export function setOpset(model: Model, opset: number): void {
  for (const graph of [model.graph, ...model.functions.map(({ body }) => body)]) requireOperators(graph, opset);
  model.opsets.set('', opset);
  for (const { opsets } of model.functions) if (opsets.has('')) opsets.set('', opset);
  model.irVersion = irVersionOfOpset(opset);
}

function requireOperators(graph: Graph, opset: number): void {
  const tooNew = graph.nodes.find((node) => (firstOpset(node) ?? 0) > opset);
  if (tooNew === undefined) return;
  throw new QuernError(
    'stage',
    `${tooNew.name} (${tooNew.opType}) is an operator of opset ${firstOpset(tooNew)}; the recipe asks for ${opset}`,
    tooNew.opType === 'Attention' ? { suggestion: 'use `attention: gqa`' } : {},
  );
}

function firstOpset({ domain, opType }: Node): number | undefined {
  return domain === '' && Object.hasOwn(laterOperators, opType) ? laterOperators[opType] : undefined;
}
