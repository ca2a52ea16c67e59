import { float16ToFloat32 } from '../../numerics/half.js';
import type { Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import { bytesOf, type TensorData } from '../../ort/tensor-data.js';

/** Something that is done to attention scores before the softmax. */
export interface MaskPart {
  readonly value: Value;
  /** It is added; or it chooses the scores that are kept, or those that are dropped. */
  readonly effect: 'add' | 'keep' | 'drop';
}

/** Beyond this a score counts as dropped: the softmax of no real score is as low. */
const dropped = -1e4;

/**
 * What tokens see: for each of `tokens` new ones (row by row) whether it sees each of `total`; never later ones if the
 * attention `isCausal` by itself. `undefined` if a mask changes scores otherwise than by dropping them, or not for all
 * heads alike.
 */
export function visibleTokens(
  parts: readonly MaskPart[],
  tensorOf: (part: MaskPart) => Tensor | TensorData | undefined,
  tokens: number,
  total: number,
  isCausal: boolean,
): Uint8Array | undefined {
  const visible = new Uint8Array(tokens * total).fill(1);
  for (let token = 0; isCausal && token < tokens; token++) {
    visible.fill(0, token * total + total - tokens + token + 1, (token + 1) * total);
  }
  for (const part of parts) {
    const tensor = tensorOf(part);
    const values = tensor === undefined ? undefined : numbersOf(tensor);
    if (tensor === undefined || values === undefined) return undefined;
    const columns = tensor.dims.at(-1) ?? 1;
    const rows = tensor.dims.at(-2) ?? 1;
    const fits =
      (columns === total || columns === 1) && (rows === tokens || rows === 1) && values.length === rows * columns;
    if (!fits) return undefined;
    for (let token = 0; token < tokens; token++) {
      for (let other = 0; other < total; other++) {
        const value = values[(rows === 1 ? 0 : token * columns) + (columns === 1 ? 0 : other)]!;
        const sees = part.effect === 'add' ? addedMask(value) : (value !== 0) === (part.effect === 'keep');
        if (sees === undefined) return undefined;
        if (!sees) visible[token * total + other] = 0;
      }
    }
  }
  return visible;
}

/** Whether a score is kept that a value is added to; `undefined` for a value that only changes it. */
function addedMask(value: number): boolean | undefined {
  if (value <= dropped) return false;
  return value === 0 ? true : undefined;
}

/**
 * How many of the latest tokens each new token sees behind `past` others, `all` if it sees every one up to itself.
 * `undefined` if tokens see something else.
 */
export function windowOf(visible: Uint8Array, past: number, total: number): number | 'all' | undefined {
  const tokens = total - past;
  const lastRow = visible.subarray((tokens - 1) * total);
  const seen = lastRow.reduce((sum, sees) => sum + sees, 0);
  for (let token = 0; token < tokens; token++) {
    for (let other = 0; other < total; other++) {
      const distance = past + token - other;
      if ((visible[token * total + other] === 1) !== (distance >= 0 && distance < seen)) return undefined;
    }
  }
  return seen === total ? 'all' : seen;
}

function numbersOf(tensor: Tensor | TensorData): ArrayLike<number> | undefined {
  const bytes = 'data' in tensor ? bytesOf(tensor.data) : tensor.bytes();
  if (tensor.dataType === 'bool') return bytes;
  const { buffer } = Uint8Array.from(bytes);
  if (tensor.dataType === 'float32') return new Float32Array(buffer);
  if (tensor.dataType === 'int32') return new Int32Array(buffer);
  if (tensor.dataType === 'float16') return Float32Array.from(new Uint16Array(buffer), float16ToFloat32);
  return undefined;
}
