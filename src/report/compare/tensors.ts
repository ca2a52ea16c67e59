import { elementReader } from './elements.js';
import type { NameChanges } from './files.js';
import { nameChanges } from './files.js';

/** A tensor of a model or of a safetensors file. Its bytes are read when they are asked for. */
export interface ComparedTensor {
  readonly dataType: string;
  readonly dims: readonly number[];
  /** Row-major, little endian. */
  bytes(): Uint8Array;
  /** The file that holds the bytes (relative to the artifact) and where in it. Not for bytes inside the graph. */
  readonly place?: { readonly file: string; readonly offset: number };
}

/** By how much the elements of two tensors differ. */
export interface TensorDistance {
  readonly elements: number;
  readonly differingElements: number;
  /** max |a - b|. `null` where it is not finite. */
  readonly maxAbs: number | null;
  /** ||a - b|| / ||a|| (Frobenius norms). `null` where it is not finite, for example because a is all zeros. */
  readonly relativeFrobenius: number | null;
}

export interface ChangedTensor {
  readonly name: string;
  /** Type and shape, for example `float32[4096,128]`. */
  readonly before: string;
  readonly after: string;
  /** `null` where type or shape changed, or the elements are no numbers. */
  readonly distance: TensorDistance | null;
}

export interface TensorChanges extends NameChanges {
  readonly changed: readonly ChangedTensor[];
}

type Tensors = ReadonlyMap<string, ComparedTensor>;

/** Compares tensors by name. Those that stand at the same place of an unchanged file are not read. */
export function compareTensors(before: Tensors, after: Tensors, unchangedFiles: ReadonlySet<string>): TensorChanges {
  const changed: ChangedTensor[] = [];
  for (const [name, tensor] of before) {
    const other = after.get(name);
    if (other === undefined) continue;
    const difference = compareTensor(name, tensor, other, unchangedFiles);
    if (difference !== undefined) changed.push(difference);
  }
  return { ...nameChanges(before, after), changed };
}

function compareTensor(
  name: string,
  before: ComparedTensor,
  after: ComparedTensor,
  unchangedFiles: ReadonlySet<string>,
): ChangedTensor | undefined {
  const texts = { before: tensorType(before), after: tensorType(after) };
  if (texts.before !== texts.after) return { name, ...texts, distance: null };
  if (isSamePlace(before, after) && unchangedFiles.has(before.place?.file ?? '')) return undefined;
  const [beforeBytes, afterBytes] = [before.bytes(), after.bytes()];
  if (Buffer.compare(beforeBytes, afterBytes) === 0) return undefined;
  const elements = before.dims.reduce((product, size) => product * size, 1);
  return { name, ...texts, distance: tensorDistance(before.dataType, elements, beforeBytes, afterBytes) };
}

/** By how much two tensors of one type and shape differ, or `null` when their elements are no numbers. */
export function tensorDistance(
  dataType: string,
  elements: number,
  before: Uint8Array,
  after: Uint8Array,
): TensorDistance | null {
  const beforeAt = elementReader(dataType, before);
  const afterAt = elementReader(dataType, after);
  if (beforeAt === undefined || afterAt === undefined) return null;
  let differingElements = 0;
  let maxAbs = 0;
  let squaredDifference = 0;
  let squaredNorm = 0;
  for (let index = 0; index < elements; index++) {
    const [a, b] = [beforeAt(index), afterAt(index)];
    squaredNorm += a * a;
    if (Object.is(a, b)) continue;
    const difference = Math.abs(a - b);
    differingElements++;
    // `Math.max` keeps a NaN, which an infinite or undefined difference gives.
    maxAbs = Math.max(maxAbs, difference);
    squaredDifference += difference * difference;
  }
  const relative = squaredDifference === 0 ? 0 : Math.sqrt(squaredDifference / squaredNorm);
  return { elements, differingElements, maxAbs: finite(maxAbs), relativeFrobenius: finite(relative) };
}

export function tensorType({ dataType, dims }: Pick<ComparedTensor, 'dataType' | 'dims'>): string {
  return `${dataType}[${dims.join(',')}]`;
}

function isSamePlace({ place: before }: ComparedTensor, { place: after }: ComparedTensor): boolean {
  return before !== undefined && before.file === after?.file && before.offset === after.offset;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
