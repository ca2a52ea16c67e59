import { functionDomain } from '../models/functions.js';
import { quantizedMatMul16Type, quantizedMatMulType } from '../models/quantized-matmul.js';
import type { Node } from '../onnx/node.js';
import { operatorTypeOf } from './operators.js';

/** Operators that quantize activations with one scale for all tokens of a pass. */
const coupling: ReadonlySet<string> = new Set([
  'DynamicQuantizeLinear',
  'com.microsoft.DynamicQuantizeMatMul',
  `${functionDomain}.${quantizedMatMulType}`,
  `${functionDomain}.${quantizedMatMul16Type}`,
]);

/** Whether a token gets other logits when it is read in one pass with others than when it is read behind them. */
export function couplesTokens(nodes: readonly Node[]): boolean {
  return nodes.some((node) => coupling.has(operatorTypeOf(node)));
}
