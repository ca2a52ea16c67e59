import type { Graph } from '../onnx/ir.js';
import type { Model } from '../onnx/model.js';
import type { Node, Value } from '../onnx/node.js';
import { float32Of } from '../onnx/tensor.js';
import { defineFunction, functionDomain } from './functions.js';

/** Beginning of the types of the functions that `groupQdqProducts` makes. */
export const qdqMatMulType = 'QdqMatMul';

/** Key of the metadata that says how far apart two neighbouring results are, where results are quantized. */
export const outputStepKey = 'quern.outputStep';

/**
 * Turns each MatMul whose weights come out of a DequantizeLinear into one node of a function of the model, together with
 * the QuantizeLinear and DequantizeLinear nodes around it, so that it can be dispatched as one operator. ONNX Runtime
 * inlines the function. Returns how many there were.
 *
 * Inputs of the node: x, weights, and the scales and zero points of weights, x and y, as far as there are such.
 */
export function groupQdqProducts(model: Model): number {
  const products = model.graph.nodes.flatMap((node) => findProduct(node) ?? []);
  const results = new Set(products.flatMap(({ result }) => result?.quantize ?? []));
  for (const product of products) replaceProduct(model, product, results);
  if (products.length > 0) model.graph.removeUnused();
  return products.length;
}

interface Pair {
  readonly quantize: Node;
  readonly dequantize: Node;
}

interface QdqProduct {
  readonly node: Node;
  /** The pair through which x goes. It may be that of the result of another product. */
  readonly activations: Pair | undefined;
  /** The pair through which the product goes. */
  readonly result: Pair | undefined;
  /** All nodes in order, as they are in the graph of before. */
  readonly steps: readonly Step[];
  /** What the first steps read besides constants. */
  readonly input: Value;
}

/** What a node reads and computes. */
interface Step {
  readonly node: Node;
  readonly inputs: readonly (Value | undefined)[];
}

function findProduct(node: Node): QdqProduct | undefined {
  const weights = node.domain === '' && node.opType === 'MatMul' ? node.requireInput(1).producer : undefined;
  if (weights === undefined || !is(weights, 'DequantizeLinear') || !hasConstants(weights, 0)) return undefined;
  const activations = pairBefore(node.requireInput(0));
  const result = pairBehind(node.output);
  const nodes = [activations?.quantize, activations?.dequantize, weights, node, result?.quantize, result?.dequantize];
  const steps = nodes.flatMap((step) => (step === undefined ? [] : { node: step, inputs: [...step.inputs] }));
  return { node, activations, result, steps, input: (activations?.quantize ?? node).requireInput(0) };
}

function pairBefore(value: Value): Pair | undefined {
  const dequantize = value.producer;
  const quantize = dequantize?.inputs[0]?.producer;
  if (dequantize === undefined || quantize === undefined) return undefined;
  const isPair = is(dequantize, 'DequantizeLinear') && is(quantize, 'QuantizeLinear');
  return isPair && hasConstants(dequantize, 1) && hasConstants(quantize, 1) ? { quantize, dequantize } : undefined;
}

function pairBehind(value: Value): Pair | undefined {
  const quantize = onlyReader(value);
  const dequantize = quantize === undefined ? undefined : onlyReader(quantize.output);
  if (dequantize === undefined || quantize === undefined) return undefined;
  const isPair = is(quantize, 'QuantizeLinear') && is(dequantize, 'DequantizeLinear');
  return isPair && hasConstants(dequantize, 1) && hasConstants(quantize, 1) ? { quantize, dequantize } : undefined;
}

function onlyReader(value: Value): Node | undefined {
  const [use, ...others] = value.uses;
  return others.length === 0 && use?.index === 0 && !value.isGraphOutput ? use.node : undefined;
}

function is({ domain, opType }: Node, type: string): boolean {
  return domain === '' && opType === type;
}

function hasConstants(node: Node, from: number): boolean {
  return node.inputs.slice(from).every((value) => value === undefined || value.initializer !== undefined);
}

/** `results`: the nodes that quantize the results of products, which are gone when those are replaced. */
function replaceProduct(model: Model, product: QdqProduct, results: ReadonlySet<Node>): void {
  const { node, activations, result, steps } = product;
  const { graph } = node;
  // Values that were quantized before are not changed by being quantized again.
  const isRaw = activations !== undefined && !results.has(activations.quantize);
  const source = (isRaw ? activations.quantize : node).requireInput(0);
  const operands = operandsOf(product);
  const type = `${qdqMatMulType}_${signatureOf(steps, operands)}`;
  defineFunction(model, type, ({ body }) => writeBody(body, product, operands));
  const output = (result?.dequantize ?? node).output;
  const { name } = output;
  const grouped = graph.addNode({
    opType: type,
    domain: functionDomain,
    name: node.name,
    inputs: [source, ...operands],
    outputs: [graph.uniqueName(`${name}/grouped`)],
    before: node,
  });
  for (const [key, value] of node.metadata) grouped.metadata.set(key, value);
  const step = result?.quantize.requireInput(1).initializer;
  if (step?.dataType === 'float32') grouped.metadata.set(outputStepKey, String(Math.max(...float32Of(step))));
  grouped.output.type = output.type;
  graph.replaceAllUses(output, grouped.output);
  for (const { node: unused } of steps.toReversed()) {
    const isUnused = unused.outputs.every((value) => value?.useCount === 0 && !value.isGraphOutput);
    if (isUnused && !unused.isRemoved) graph.removeNode(unused);
  }
  if (graph.value(name) === undefined) graph.rename(grouped.output, name);
}

/** The constants of a product, the weights first, each once. */
function operandsOf({ steps }: QdqProduct): readonly Value[] {
  const constants = steps.flatMap(({ inputs }) => inputs.filter((value) => value?.initializer !== undefined));
  const weights = steps.find(({ inputs }) => inputs[0]?.initializer !== undefined)?.inputs[0];
  return [...new Set([weights, ...constants])].filter((value) => value !== undefined);
}

/** The same for products that one function serves: operators, attributes, and which constant goes where. */
function signatureOf(steps: readonly Step[], operands: readonly Value[]): string {
  const parts = steps.map(({ node, inputs }) => {
    const places = inputs.map((value) => (value === undefined ? 'n' : operands.indexOf(value) + 1));
    const attributes = [...node.attributes].map(([name, { type, value }]) => `${name}${type === 'int' ? value : type}`);
    return [node.opType[0], ...places, ...attributes].join('');
  });
  return parts.join('_').replaceAll('-', 'm');
}

function writeBody(body: Graph, { steps, input }: QdqProduct, operands: readonly Value[]): void {
  const copies = new Map<Value, Value>([[input, body.addInput('x')]]);
  for (const [index, operand] of operands.entries()) copies.set(operand, body.addInput(`constant_${index}`));
  for (const [index, { node, inputs }] of steps.entries()) {
    const { output } = body.addNode({
      opType: node.opType,
      name: `step_${index}`,
      inputs: inputs.map((value) => (value === undefined ? undefined : copies.get(value))),
      outputs: [`step_${index}`],
      attributes: Object.fromEntries(node.attributes),
    });
    copies.set(node.output, output);
  }
  body.addOutput(copies.get(steps.at(-1)!.node.output)!);
}
