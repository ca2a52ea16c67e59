import type { ArtifactChanges, TensorFileChanges } from './artifacts.js';

/**
 * The first thing in which two artifacts differ by more than a relative tolerance, as text; `undefined` when there is
 * none. Tensors are measured by their relative Frobenius distance, numbers of JSON files each by itself. With a
 * tolerance of 0 everything has to be the same bit for bit.
 */
export function firstDifference(changes: ArtifactChanges, tolerance: number): string | undefined {
  const { files, tensorFiles, values } = changes;
  if (changes.identical) return undefined;
  const [removed] = files.removed;
  if (removed !== undefined) return `${removed} is missing`;
  const [added] = files.added;
  if (added !== undefined) return `${added} is new`;
  for (const file of tensorFiles) {
    const difference = tensorFileDifference(file, tolerance);
    if (difference !== undefined) return difference;
  }
  const value = values.find(({ relative }) => relative === null || relative > tolerance);
  if (value !== undefined) {
    return `${value.file}${value.pointer} is ${JSON.stringify(value.after)} instead of ${JSON.stringify(value.before)}`;
  }
  const unexplained = files.changed.find(({ path }) => tolerance === 0 || !isLookedInto(changes, path));
  return unexplained === undefined ? undefined : `${unexplained.path} has other bytes`;
}

function tensorFileDifference({ file, tensors, nodes }: TensorFileChanges, tolerance: number): string | undefined {
  const node = nodes?.changed[0];
  const nodeNames = [...(nodes?.removed ?? []), ...(nodes?.added ?? [])];
  if (nodeNames[0] !== undefined) return `${file}: node ${nodeNames[0]} is in only one of the two`;
  if (node?.fields[0] !== undefined) {
    const { field, before, after } = node.fields[0];
    return `${file}: node ${node.name}: ${field} ${after} instead of ${before}`;
  }
  const [lone] = [...tensors.removed, ...tensors.added];
  if (lone !== undefined) return `${file}: tensor ${lone} is in only one of the two`;
  for (const { name, before, after, distance } of tensors.changed) {
    if (distance === null) return `${file}: tensor ${name} is ${after} with other elements than the ${before} before`;
    const { maxAbs, relativeFrobenius, differingElements, elements } = distance;
    if (relativeFrobenius === null || relativeFrobenius > tolerance) {
      const amount = `${differingElements} of ${elements} elements, by at most ${maxAbs ?? 'infinity'}, relative Frobenius ${relativeFrobenius ?? 'infinity'}`;
      return `${file}: tensor ${name} differs in ${amount}`;
    }
  }
  return undefined;
}

/** Whether all that matters about a changed file was compared by its content: weights are seen through their model. */
function isLookedInto({ tensorFiles, values }: ArtifactChanges, path: string): boolean {
  const ofModel = path === 'model.onnx' || path.startsWith('weights/');
  if (ofModel && tensorFiles.some(({ file }) => file === 'model.onnx')) return true;
  return tensorFiles.some(({ file }) => file === path) || values.some(({ file }) => file === path);
}
