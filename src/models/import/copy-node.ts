import type { Node, Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import type { ImportContext } from './import-context.js';

/** The name of the operator that a node is, behind the module that it belongs to. */
export function nodeName({ names }: ImportContext, node: Node): string {
  const operator = /[^/]+$/.exec(node.name)?.[0] ?? node.opType;
  const module = names.moduleOf(node);
  return module === '' ? operator : `${module}/${operator}`;
}

/** Makes a constant of the new graph for one that is an input of a node. */
type MakeConstant = (value: Value, tensor: Tensor, index: number) => Value;

/**
 * Takes a node over as it is: its constants, and what its other inputs are in the new graph. All its outputs are known
 * afterwards.
 */
export function copyNode(
  context: ImportContext,
  node: Node,
  name: string,
  makeConstant: MakeConstant = (_value, tensor, index) => context.constant(`${name}/operand_${index}`, tensor),
): Node {
  const { builder } = context;
  const inputs = node.inputs.map((input, index) =>
    input === undefined ? undefined : operand(context, input, (tensor) => makeConstant(input, tensor, index)),
  );
  if (node.domain !== '') builder.useContrib();
  const copy = builder.graph.addNode({
    opType: node.opType,
    domain: node.domain,
    name,
    inputs,
    outputs: node.outputs.map((_, index) => (index === 0 ? name : `${name}/${index}`)),
    attributes: Object.fromEntries(node.attributes),
  });
  for (const [index, output] of node.outputs.entries()) {
    const copied = copy.outputs[index];
    if (output !== undefined && copied !== undefined) context.remember(output, copied);
  }
  return copy;
}

/** A constant, something with contents, or something that the positions choose. */
function operand(context: ImportContext, value: Value, makeConstant: (tensor: Tensor) => Value): Value {
  if (context.source.hasContents(value)) return context.translate(value);
  const constant = context.source.constant(value);
  return constant === undefined ? context.translate(value) : makeConstant(constant);
}
