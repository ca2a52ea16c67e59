/**
 * Large arrays that are used again. A new array costs more than the work on it: the system clears each of its pages when
 * it is first written.
 */
const spares: ArrayBuffer[] = [];

/** An array with undefined content, to be given back. Arrays that are held at the same time don't share memory. */
export function takeScratch(length: number): Float32Array<ArrayBuffer> {
  const index = spares.findIndex(({ byteLength }) => byteLength >= length * 4);
  const [fitting] = index < 0 ? [] : spares.splice(index, 1);
  // Smaller ones would only lie there beside the one that replaces them.
  if (fitting === undefined) spares.length = 0;
  return new Float32Array(fitting ?? new ArrayBuffer(length * 4), 0, length);
}

export function giveScratch(array: Float32Array<ArrayBuffer>): void {
  spares.push(array.buffer);
  spares.sort((left, right) => left.byteLength - right.byteLength);
}
