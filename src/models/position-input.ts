import type { Model } from '../onnx/model.js';
import type { Node, Value } from '../onnx/node.js';
import { functionDomain } from './functions.js';
import { definePositions, positionsType } from './sequence-functions.js';

const positionsInput = 'position_ids';

/**
 * Makes the places of the tokens in the text an input of the model, `position_ids` int64 [batch, sequence], as exports of
 * transformers have it, if the model has the function that computes them. Attention is to be lowered afterwards.
 */
export function addPositionInput(model: Model): void {
  const { graph } = model;
  const nodes = graph.nodes.filter(isPositions);
  if (nodes.length === 0) return;
  const input = graph.addInput(positionsInput, { dataType: 'int64', shape: ['batch', 'sequence'] });
  for (const node of nodes) {
    graph.replaceAllUses(node.output, input);
    graph.removeNode(node);
  }
  graph.removeUnused();
}

/** The opposite: lets the model compute the places, for those who run it on texts from their start. */
export function removePositionInput(model: Model): void {
  const { graph } = model;
  const [input, tokens, mask] = [positionsInput, 'input_ids', 'attention_mask'].map((name) =>
    graph.inputs.find((known) => known.name === name),
  );
  if (input === undefined || tokens === undefined || mask === undefined) return;
  definePositions(model);
  const add = (opType: string, name: string, inputs: readonly Value[], domain = ''): Value => {
    const before = graph.nodes[0];
    const unique = graph.uniqueName(name);
    return graph.addNode({ opType, domain, name: unique, inputs, outputs: [unique], ...(before && { before }) }).output;
  };
  const shape = add('Shape', 'token_shape', [tokens]);
  const positions = add(positionsType, 'positions', [mask, shape], functionDomain);
  graph.replaceAllUses(input, positions);
  graph.removeInput(input);
  graph.sort();
}

function isPositions({ domain, opType }: Node): boolean {
  return domain === functionDomain && opType === positionsType;
}
