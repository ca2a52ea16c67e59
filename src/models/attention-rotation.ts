import { intAttribute } from '../onnx/attribute.js';
import type { Node, Value } from '../onnx/node.js';
import { functionDomain } from './functions.js';
import { positionsType } from './sequence-functions.js';

/** Queries and keys before their rotation, and the angles they are turned by. */
export interface Rotation {
  readonly query: Value;
  readonly key: Value;
  /** float32 [positions, pairs of dimensions] */
  readonly cosines: Value;
  readonly sines: Value;
  readonly isInterleaved: boolean;
  /** int64 [batch, new], where they are an input of the model. Else they are the places in the text. */
  readonly positions: Value | undefined;
}

/** GroupQueryAttention turns the pairs of a head in blocks of this many. */
const pairStep = 8;

/**
 * The rotation in front of an attention node, if GroupQueryAttention can do it: queries and keys are turned by the same
 * angles, those of the tokens' places in the text, and nothing else reads them.
 */
export function findRotation(
  attention: Node,
  { query, key }: { readonly query: Value; readonly key: Value },
): Rotation | undefined {
  const rotatedQuery = rotationOf(query, attention);
  const rotatedKey = rotationOf(key, attention);
  if (rotatedQuery === undefined || rotatedKey === undefined) return undefined;
  const { cosines, sines, isInterleaved, positions } = rotatedQuery;
  const isSame =
    cosines === rotatedKey.cosines &&
    sines === rotatedKey.sines &&
    isInterleaved === rotatedKey.isInterleaved &&
    positions === rotatedKey.positions;
  if (!isSame || !fitsHead(cosines, rotatedQuery.headSize)) return undefined;
  return { query: rotatedQuery.input, key: rotatedKey.input, cosines, sines, isInterleaved, positions };
}

interface RotatedValue extends Pick<Rotation, 'cosines' | 'sines' | 'isInterleaved' | 'positions'> {
  readonly input: Value;
  readonly headSize: number;
}

function rotationOf(value: Value, attention: Node): RotatedValue | undefined {
  const node = value.producer;
  if (node?.domain !== '' || node.opType !== 'RotaryEmbedding' || value.isGraphOutput) return undefined;
  if (value.uses.some((use) => use.node !== attention)) return undefined;
  const [input, cosines, sines, positions] = node.inputs;
  if (input === undefined || cosines?.initializer === undefined || sines?.initializer === undefined) return undefined;
  const isInput = positions?.isGraphInput ?? false;
  if (!isInput && !isTextPositions(positions)) return undefined;
  const isInterleaved = intAttribute(node.attributes, 'interleaved') === 1;
  const headSize = headSizeOf(attention);
  return { input, cosines, sines, isInterleaved, positions: isInput ? positions : undefined, headSize };
}

function isTextPositions(positions: Value | undefined): boolean {
  const producer = positions?.producer;
  return producer?.domain === functionDomain && producer.opType === positionsType;
}

/** The size of heads is that of the cached keys. */
function headSizeOf(attention: Node): number {
  const size = attention.inputs[4]?.type?.shape?.[3];
  return typeof size === 'number' ? size : 0;
}

/** ONNX Runtime 1.30 refuses more than `headSize / 16 * 8` pairs, and numbers of pairs that are no multiple of 8. */
function fitsHead(cosines: Value, headSize: number): boolean {
  const pairs = cosines.initializer?.dims[1];
  const most = Math.floor(headSize / (2 * pairStep)) * pairStep;
  return pairs !== undefined && pairs <= most && pairs % pairStep === 0;
}
