import { kernelInstance } from './instance.js';
import { padded, piecesOf } from './panels.js';

/** Rounds float32 values to bits of a 16-bit float, ties to even, in `bits`, which is as long. */
export function narrowKernel(type: 'float16' | 'bfloat16', values: Float32Array, bits: Uint16Array): void {
  const kernels = kernelInstance();
  const { toFloat16, toBfloat16 } = kernels.functions;
  const narrow = type === 'float16' ? toFloat16 : toBfloat16;
  for (const { start, count } of piecesOf(values.length)) {
    const length = padded(count);
    const [source, result] = kernels.layout(length * 4, length * 2);
    kernels.floats(source, count).set(values.subarray(start, start + count));
    narrow(source, length, result);
    bits.set(kernels.halves(result, count), start);
  }
}

/** Widens bits of a 16-bit float to float32 values in `values`, which is as long. */
export function widenKernel(type: 'float16' | 'bfloat16', bits: Uint16Array, values: Float32Array): void {
  const kernels = kernelInstance();
  const { fromFloat16, fromBfloat16 } = kernels.functions;
  const widen = type === 'float16' ? fromFloat16 : fromBfloat16;
  for (const { start, count } of piecesOf(bits.length)) {
    const length = padded(count);
    const [source, result] = kernels.layout(length * 2, length * 4);
    kernels.halves(source, count).set(bits.subarray(start, start + count));
    widen(source, length, result);
    values.set(kernels.floats(result, count), start);
  }
}
