import { copyInitializer, copyNodes } from '../../onnx/copy-nodes.js';
import type { Graph } from '../../onnx/ir.js';
import type { Node, Value } from '../../onnx/node.js';
import { valuesRead } from '../../onnx/order.js';
import type { Pass } from '../../onnx/passes.js';

/** The input by which optimum's `decoder_model_merged.onnx` chooses the graph with a past or the one without. */
const chooser = 'use_cache_branch';

/**
 * Takes the graph with a past out of the `If` that has one graph with and one without: with an empty past it does what
 * the other does.
 */
export const cacheBranch: Pass = {
  name: 'cache branch',
  run: ({ graph }) => {
    const input = graph.inputs.find(({ name }) => name === chooser);
    const [choice, ...others] = graph.nodes.filter(({ opType, inputs }) => opType === 'If' && inputs[0] === input);
    const branch = choice?.attributes.get('then_branch');
    if (input === undefined || choice === undefined || others.length > 0 || branch?.type !== 'graph') return false;
    const { value: body } = branch;
    if (body.inputs.length > 0 || body.outputs.length !== choice.outputs.length) return false;
    takeBranch(choice, body);
    if (input.useCount === 0) graph.removeInput(input);
    removeNameEnds(graph);
    return true;
  },
};

function takeBranch(choice: Node, body: Graph): void {
  const { graph } = choice;
  const copies = new Map<Value, Value>([...valuesRead(choice)].map((value) => [value, value]));
  for (const initializer of body.initializers.values()) copyInitializer(initializer, graph, copies);
  copyNodes(body.nodes, graph, copies);
  for (const [index, result] of body.outputs.entries()) {
    const output = choice.outputs[index];
    const copy = copies.get(result);
    if (output === undefined || copy === undefined) continue;
    // Only what a node computes can be an output of the graph.
    const computed = copy.producer === undefined ? identityOf(copy, graph) : copy;
    computed.type ??= output.type;
    graph.replaceAllUses(output, computed);
  }
  graph.removeNode(choice);
}

function identityOf(value: Value, graph: Graph): Value {
  const name = graph.uniqueName(`${value.name}/output`);
  return graph.addNode({ opType: 'Identity', name, inputs: [value], outputs: 1 }).output;
}

/** Weights that both graphs have got an ending to their names, by which modules would no longer be known. */
function removeNameEnds(graph: Graph): void {
  for (const [name, value] of graph.initializers) {
    const stem = /^(.+)_merged_\d+$/.exec(name)?.[1];
    if (stem !== undefined && graph.uniqueName(stem) === stem) graph.rename(value, stem);
  }
}
