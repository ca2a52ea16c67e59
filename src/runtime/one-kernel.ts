import type { Node } from '../onnx/node.js';

/**
 * The operators that ONNX Runtime runs as one kernel when they are in one session: an integer product or SiLU, found by its
 * first node. All are among `nodes`, and in order. Empty for any other node.
 */
export function oneKernel(node: Node, nodes: ReadonlySet<Node>): readonly Node[] {
  return is(node, 'Sigmoid') ? sigmoidLinearUnit(node, nodes) : integerProduct(node, nodes);
}

/** x * sigmoid(x), unless the sigmoid is read elsewhere. */
function sigmoidLinearUnit(sigmoid: Node, nodes: ReadonlySet<Node>): readonly Node[] {
  const gate = onlyReader(sigmoid, 'Mul', nodes);
  return gate?.inputs.some((value) => value === sigmoid.inputs[0]) ? [sigmoid, gate] : [];
}

/**
 * A MatMulInteger with the nodes that make its result a float: Cast, Mul by the scales and Add of a bias, and the product
 * of the scales and the DynamicQuantizeLinear in front if nothing else reads them.
 * Empty for any other node, and for a product that is read as an integer.
 */
function integerProduct(node: Node, nodes: ReadonlySet<Node>): readonly Node[] {
  const [quantize, cast] = [node.inputs[0]?.producer, onlyReader(node, 'Cast', nodes)];
  const scaled = onlyReader(cast, 'Mul', nodes);
  if (!is(node, 'MatMulInteger') || cast === undefined || scaled === undefined) return [];
  const scales = scaled.inputs.find((value) => value !== cast.output)?.producer;
  const members: Node[] = [node, cast];
  if (is(scales, 'Mul') && nodes.has(scales) && onlyReader(scales, 'Mul', nodes) === scaled) members.push(scales);
  members.push(scaled);
  const bias = onlyReader(scaled, 'Add', nodes);
  if (bias?.inputs.some((value) => value?.initializer !== undefined)) members.push(bias);
  const joins = is(quantize, 'DynamicQuantizeLinear') && nodes.has(quantize) && isReadBy(quantize, members);
  return joins ? [quantize, ...members] : members;
}

function is(node: Node | undefined, type: string): node is Node {
  return node?.domain === '' && node.opType === type;
}

function onlyReader(node: Node | undefined, type: string, nodes: ReadonlySet<Node>): Node | undefined {
  const [use, ...others] = node?.outputs[0]?.uses ?? [];
  if (use === undefined || others.length > 0 || node?.outputs[0]?.isGraphOutput) return undefined;
  return is(use.node, type) && nodes.has(use.node) ? use.node : undefined;
}

function isReadBy({ outputs }: Node, nodes: readonly Node[]): boolean {
  return outputs.every((value) => !value?.isGraphOutput && value?.uses.every(({ node }) => nodes.includes(node)));
}
