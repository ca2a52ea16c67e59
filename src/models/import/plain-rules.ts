import type { Node, Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';
import { copyNode, nodeName } from './copy-node.js';
import type { ImportContext, ImportRule } from './import-context.js';

/** Rows of a table that the tokens choose. */
export const embeddingRule: ImportRule = (context, value) => {
  const { source, builder } = context;
  const node = value.producer;
  const [table, ids] = node?.opType === 'Gather' ? node.inputs : [];
  const tensor = table === undefined ? undefined : source.constant(table);
  if (node === undefined || table === undefined || ids === undefined || tensor?.dims.length !== 2) return undefined;
  if (!source.hasContents(ids) || context.translate(ids) !== builder.tokens) return undefined;
  return builder.embedding(builder.graph.uniqueName(tableName(context, node, table)), builder.tokens, tensor);
};

/** Rows of a table that the places of the tokens choose; the value itself does not depend on their contents. */
export const positionRule: ImportRule = (context, value) => {
  const { source, builder, meaning } = context;
  const node = withoutMoves(value).producer;
  const [table, places] = node?.opType === 'Gather' ? node.inputs : [];
  const tensor = table === undefined ? undefined : source.constant(table);
  if (node === undefined || table === undefined || places === undefined || tensor?.dims.length !== 2) return undefined;
  const offset = meaning.placesOffset(places);
  if (offset === undefined) return undefined;
  const name = builder.graph.uniqueName(tableName(context, node, table));
  const rows =
    offset === 0
      ? builder.positions()
      : builder.node('Add', `${name}/rows`, [builder.positions(), builder.integer(offset)]);
  return builder.embedding(name, rows, tensor);
};

function tableName({ names }: ImportContext, node: Node, table: Value): string {
  return names.moduleOfWeight(table.name) || names.moduleOf(node) || 'embedding';
}

/** What a value is but for its form. */
export function withoutMoves(value: Value): Value {
  const node = value.producer;
  const moves =
    node !== undefined && ['Reshape', 'Unsqueeze', 'Squeeze', 'Identity', 'Cast', 'Expand'].includes(node.opType);
  return moves ? withoutMoves(node.requireInput(0)) : value;
}

/** Operators that may give their input another form without changing its rows. */
const formTypes: ReadonlySet<string> = new Set([
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Identity',
  'Cast',
  'Dropout',
]);

/** Batch and sequence as one dimension, and back: the new graph always has both. */
export const formRule: ImportRule = (context, value) => {
  const { source } = context;
  const node = value.producer;
  if (node === undefined || !formTypes.has(node.opType) || node.output !== value) return undefined;
  const input = node.requireInput(0);
  const [before, after] = [source.dims(input), source.dims(value)];
  const count = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);
  const isSame =
    before !== undefined && after !== undefined && before.at(-1) === after.at(-1) && count(before) === count(after);
  return isSame ? context.translate(input) : undefined;
};

/** Operators of the standard that work on each element alone, and have meant the same since opset 7. */
const elementTypes: ReadonlySet<string> = new Set([
  ...['Abs', 'Add', 'Div', 'Elu', 'Erf', 'Exp', 'Gelu', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Mish', 'Mul', 'Neg'],
  ...['Pow', 'Reciprocal', 'Relu', 'Sigmoid', 'Softplus', 'Sqrt', 'Sub', 'Swish', 'Tanh'],
]);
/** Those of ONNX Runtime. */
const contribElementTypes: ReadonlySet<string> = new Set(['BiasGelu', 'FastGelu', 'Gelu', 'QuickGelu']);

/** Activations and additions are taken over as they are. */
export const elementRule: ImportRule = (context, value) => {
  const { builder } = context;
  const node = value.producer;
  if (node === undefined || node.output !== value) return undefined;
  const isKnown =
    node.domain === ''
      ? elementTypes.has(node.opType)
      : node.domain === 'com.microsoft' && contribElementTypes.has(node.opType);
  if (!isKnown) return undefined;
  return copyNode(context, node, builder.graph.uniqueName(nodeName(context, node))).output;
};

/** A Split along the features. */
export const splitRule: ImportRule = (context, value) => {
  const { source, builder } = context;
  const node = value.producer;
  if (node?.opType !== 'Split' || node.domain !== '') return undefined;
  const input = node.requireInput(0);
  const sizes = node.outputs.map((output) => (output === undefined ? undefined : source.dims(output)?.at(-1)));
  const known = sizes.filter((size) => size !== undefined);
  const total = known.reduce((sum, size) => sum + size, 0);
  if (known.length !== sizes.length || total !== source.dims(input)?.at(-1)) return undefined;
  const name = builder.graph.uniqueName(nodeName(context, node));
  const split = builder.graph.addNode({
    opType: 'Split',
    name,
    inputs: [context.translate(input), context.constant(`${name}/sizes`, int64Vector(known))],
    outputs: known.map((_, index) => `${name}/part_${index}`),
    attributes: { axis: { type: 'int', value: -1 } },
  });
  for (const [index, output] of node.outputs.entries()) {
    const part = split.outputs[index];
    if (output !== undefined && part !== undefined) context.remember(output, part);
  }
  return split.outputs[node.outputs.indexOf(value)];
};

/** Some of the features, such as those of one projection of several. */
export const sliceRule: ImportRule = (context, value) => {
  const { source, builder } = context;
  const node = value.producer;
  if (node?.opType !== 'Slice' || node.domain !== '') return undefined;
  const [input, start, end, axes, step] = node.inputs;
  const rank = source.dims(value)?.length ?? 0;
  const numbers = [start, end, axes].map((constant) => source.scalar(constant));
  const [first, last, axis] = numbers;
  const isPlain = step === undefined || source.scalar(step) === 1;
  if (input === undefined || first === undefined || last === undefined || !isPlain) return undefined;
  if (axis !== -1 && axis !== rank - 1) return undefined;
  const name = builder.graph.uniqueName(nodeName(context, node));
  const bounds = [first, Math.min(last, source.dims(input)?.at(-1) ?? 0), -1].map((number) => builder.integers(number));
  return builder.node('Slice', name, [context.translate(input), ...bounds]);
};
