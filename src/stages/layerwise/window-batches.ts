/** The residual stream of a batch takes about so much, unless the fewest windows of a batch take more. */
const batchBytes = 64 * 1024 ** 2;
const fewestWindows = 8;
const mostWindows = 32;

/**
 * Cuts windows of equal length into batches that go through a model together, each a part of the work. Where they begin
 * follows from the length of the windows and the size of the model: more windows of a text begin with the same batches.
 */
export function windowBatches(windows: readonly Int32Array[], hiddenSize: number): readonly (readonly Int32Array[])[] {
  const windowBytes = (windows[0]?.length ?? 1) * hiddenSize * Float32Array.BYTES_PER_ELEMENT;
  const size = Math.min(mostWindows, Math.max(fewestWindows, Math.floor(batchBytes / windowBytes)));
  const count = Math.ceil(windows.length / size);
  return Array.from({ length: count }, (_, batch) => windows.slice(batch * size, (batch + 1) * size));
}
