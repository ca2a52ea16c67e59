import { type Float8Type, float8ArrayToFloat32 } from '../numerics/float8.js';
import { blockDecoders } from '../numerics/ggml-blocks.js';
import { bfloat16ArrayToFloat32, float16ArrayToFloat32 } from '../numerics/half.js';
import { type BlockType, blockSizes, type DataType, elementBits, isBlockType } from './checkpoint.js';

/** How elements of a file become float32. */
export interface ElementDecoder {
  /** Elements that can only be decoded together: 1, but for the blocks of quantized types. */
  readonly elements: number;
  /** Bytes that `elements` take. */
  readonly bytes: number;
  /** Decodes as many elements as `target` has from the beginning of `source`. */
  decode(source: ArrayBuffer, target: Float32Array): void;
}

type Decode = ElementDecoder['decode'];

const float8 =
  (type: Float8Type): Decode =>
  (source, target) =>
    float8ArrayToFloat32(type, new Uint8Array(source), target);

const decoders: { readonly [type in DataType]?: Decode } = {
  float64: (source, target) => target.set(new Float64Array(source, 0, target.length)),
  float32: (source, target) => target.set(new Float32Array(source, 0, target.length)),
  float16: (source, target) => void float16ArrayToFloat32(new Uint16Array(source, 0, target.length), target),
  bfloat16: (source, target) => void bfloat16ArrayToFloat32(new Uint16Array(source, 0, target.length), target),
  float8_e4m3: float8('float8_e4m3'),
  float8_e4m3fnuz: float8('float8_e4m3fnuz'),
  float8_e5m2: float8('float8_e5m2'),
  float8_e5m2fnuz: float8('float8_e5m2fnuz'),
  float8_e8m0: float8('float8_e8m0'),
};

/** The data types that can be read as float32, but for the blocks of GGUF. */
export const floatTypes: readonly string[] = Object.keys(decoders);

function blockDecoder(type: BlockType): ElementDecoder {
  const { elements, bytes } = blockSizes[type];
  const decodeBlock = blockDecoders[type];
  return {
    elements,
    bytes,
    decode: (source, target) => {
      const view = new Uint8Array(source);
      const blocks = target.length / elements;
      for (let block = 0; block < blocks; block++) decodeBlock(view, block * bytes, target, block * elements);
    },
  };
}

/**
 * The decoder of a data type, or `undefined` for those that are not read as float32: integers, because they are what
 * some scheme made of weights and mean nothing without its scales, and formats without a settled layout.
 */
export function elementDecoder(type: DataType | BlockType): ElementDecoder | undefined {
  if (isBlockType(type)) return blockDecoder(type);
  const decode = decoders[type];
  return decode === undefined ? undefined : { elements: 1, bytes: elementBits[type] / 8, decode };
}
