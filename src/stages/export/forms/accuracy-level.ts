import { QuernError } from '../../../errors.js';
import { int } from '../../../onnx/attribute.js';
import type { Graph } from '../../../onnx/ir.js';

/** What MatMulNBits may compute in: 0 leaves it to ONNX Runtime, 1 is float32, 4 lets it round activations to int8. */
export type AccuracyLevel = 0 | 1 | 4;

/** @throws QuernError (`stage`) if the graph has no MatMulNBits */
export function setAccuracyLevel(graph: Graph, level: AccuracyLevel): void {
  const nodes = graph.nodes.filter(({ domain, opType }) => domain === 'com.microsoft' && opType === 'MatMulNBits');
  if (nodes.length === 0) {
    throw new QuernError('stage', '`accuracyLevel` is that of MatMulNBits, which the exported model does not have');
  }
  for (const node of nodes) node.setAttribute('accuracy_level', int(level));
}
