import type { Attribute } from './attribute.js';
import type { FunctionDefinition, Model } from './model.js';
import type { Node, Value } from './node.js';
import { replaceOutput } from './replace-output.js';

/**
 * Puts the nodes of some functions of a model in the place of the calls to them in its graph, each with the name of the
 * call before its own. Returns how many calls there were.
 */
export function inlineFunctions(model: Model, isChosen: (definition: FunctionDefinition) => boolean): number {
  const chosen = model.functions.filter(isChosen);
  const calls = model.graph.nodes.flatMap((node) => {
    const definition = chosen.find(({ domain, name }) => node.domain === domain && node.opType === name);
    return definition === undefined ? [] : [{ node, definition }];
  });
  for (const { node, definition } of calls) inlineCall(node, definition);
  return calls.length;
}

function inlineCall(call: Node, { body, name }: FunctionDefinition): void {
  const [result, ...others] = body.outputs;
  if (result === undefined || others.length > 0) throw new Error(`function ${name} does not have one output`);
  const copies = new Map<Value, Value | undefined>(body.inputs.map((input, index) => [input, call.inputs[index]]));
  replaceOutput(call.output, `${call.output.name}/inlined`, (output) => {
    for (const node of body.nodes) copyNode(node, call, copies, { result, output });
  });
}

function copyNode(
  node: Node,
  call: Node,
  copies: Map<Value, Value | undefined>,
  { result, output }: { readonly result: Value; readonly output: string },
): void {
  if (node.bodies.length > 0) throw new Error(`node ${node.name} of a function has a subgraph, which is not inlined`);
  const { graph } = call;
  const copy = graph.addNode({
    opType: node.opType,
    domain: node.domain,
    overload: node.overload,
    name: graph.uniqueName(`${call.name}/${node.name}`),
    inputs: node.inputs.map((input) => (input === undefined ? undefined : copies.get(input))),
    outputs: node.outputs.map((value) => {
      if (value === undefined) return '';
      return value === result ? output : graph.uniqueName(`${call.name}/${value.name}`);
    }),
    attributes: Object.fromEntries([...node.attributes].flatMap((entry) => boundAttribute(entry, call))),
    before: call,
  });
  for (const [key, value] of call.metadata) copy.metadata.set(key, value);
  for (const [index, value] of node.outputs.entries()) if (value !== undefined) copies.set(value, copy.outputs[index]);
}

/** An attribute with the value that the call gives it; one that the call leaves out is left out. */
function boundAttribute([name, attribute]: readonly [string, Attribute], call: Node): [string, Attribute][] {
  const value = attribute.type === 'reference' ? call.attributes.get(attribute.value) : attribute;
  return value === undefined ? [] : [[name, value]];
}
