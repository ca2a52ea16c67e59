import { QuernError } from '../errors.js';
import type { Graph } from '../onnx/ir.js';

/** int64 [batch, sequence] */
export const tokensInput = 'input_ids';
/** int64 [batch, past and new tokens] */
export const maskInput = 'attention_mask';
/** float32 [batch, sequence, vocabulary] */
export const logitsOutput = 'logits';

/**
 * Checks that a graph has what a decoder is fed and read by. Its other inputs and outputs are caches.
 * @throws QuernError (`input`)
 */
export function requireDecoder(graph: Graph): void {
  const inputs = graph.inputs.map(({ name }) => name);
  const outputs = graph.outputs.map(({ name }) => name);
  const missing = [
    ...[tokensInput, maskInput].filter((name) => !inputs.includes(name)).map((name) => `input ${name}`),
    ...(outputs.includes(logitsOutput) ? [] : [`output ${logitsOutput}`]),
  ];
  if (missing.length === 0) return;
  throw new QuernError('input', `the model is not a decoder with a cache: it has no ${missing.join(' and no ')}`);
}
