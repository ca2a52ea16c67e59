import { floatAttribute, intAttribute } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import { operatorTables } from './attention-heads.js';
import type { ImportContext, ImportRule } from './import-context.js';

/**
 * GroupQueryAttention of ONNX Runtime, as onnxruntime-genai writes it, becomes the standard's Attention: rotations become
 * nodes of their own, and queries, keys and values that are one value are split.
 */
export const groupQueryAttentionRule: ImportRule = (context, value) => {
  const { builder, meaning, sizes, source } = context;
  const node = value.producer;
  if (node?.opType !== 'GroupQueryAttention' || node.domain !== 'com.microsoft' || node.output !== value)
    return undefined;
  const heads = intAttribute(node.attributes, 'num_heads');
  const keyValueHeads = intAttribute(node.attributes, 'kv_num_heads');
  const places = node.inputs[9];
  const isInOrder = places === undefined || meaning.placesOffset(places) === 0;
  const isKnown = heads === sizes.heads && keyValueHeads === sizes.keyValueHeads && isInOrder && !hasUnknownParts(node);
  const cache = source.ports.caches.find(({ past }) => past === node.inputs[3]);
  const inputs = isKnown && cache !== undefined ? projections(context, node) : undefined;
  if (inputs === undefined || cache === undefined) return undefined;
  const rotary = intAttribute(node.attributes, 'do_rotary') === 1;
  const isInterleaved = intAttribute(node.attributes, 'rotary_interleaved') === 1;
  const tables = rotary ? operatorTables(context, node.inputs[7], node.inputs[8], isInterleaved) : undefined;
  if (rotary && tables === undefined) return undefined;
  const name = builder.graph.uniqueName(
    /^(.*)\.[^.]+$/.exec(inputs.query.name.replace(/\/.*$/, ''))?.[1] ?? 'attention',
  );
  const turned = (kind: 'query' | 'key', count: number): Value =>
    tables === undefined ? inputs[kind] : builder.rotate(`${name}/rotated_${kind}`, inputs[kind], count, tables);
  const scale = floatAttribute(node.attributes, 'scale') ?? 0;
  const softcap = floatAttribute(node.attributes, 'softcap') ?? 0;
  const window = intAttribute(node.attributes, 'local_window_size') ?? -1;
  return builder.attention(
    name,
    cache.layer,
    { query: turned('query', sizes.heads), key: turned('key', sizes.keyValueHeads), value: inputs.value },
    {
      scale: scale === 0 ? sizes.headSize ** -0.5 : scale,
      softcap: softcap === 0 ? undefined : softcap,
      window: window < 0 ? undefined : window,
    },
  );
};

const knownAttributes: ReadonlySet<string> = new Set([
  ...['num_heads', 'kv_num_heads', 'scale', 'softcap', 'local_window_size', 'do_rotary', 'rotary_interleaved'],
]);

/** Biases of scores and sinks among the inputs, and attributes that say something else than that they are off. */
function hasUnknownParts(node: Node): boolean {
  const others = [...node.attributes].filter(([name]) => !knownAttributes.has(name));
  const isUsed = others.some(
    ([, { type, value }]) => !(type === 'int' && (Number(value) === 0 || Number(value) === -1)),
  );
  return isUsed || node.inputs.slice(10).some((input) => input !== undefined);
}

interface Projections {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

function projections(context: ImportContext, node: Node): Projections | undefined {
  const [query, key, value] = node.inputs;
  if (query === undefined) return undefined;
  if (key !== undefined && value !== undefined) {
    return { query: context.translate(query), key: context.translate(key), value: context.translate(value) };
  }
  const { builder, sizes } = context;
  const packed = context.translate(query);
  const [own, shared] = [sizes.heads * sizes.headSize, sizes.keyValueHeads * sizes.headSize];
  const split = builder.graph.addNode({
    opType: 'Split',
    name: `${packed.name}/split`,
    inputs: [packed, builder.integers(own, shared, shared)],
    outputs: ['query', 'key', 'value'].map((kind) => `${packed.name}/${kind}`),
    attributes: { axis: { type: 'int', value: -1 } },
  });
  const [first, second, third] = split.outputs;
  return first === undefined || second === undefined || third === undefined
    ? undefined
    : { query: first, key: second, value: third };
}
