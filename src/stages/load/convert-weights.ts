import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { partsOf } from '../../checkpoints/float32-pieces.js';
import { ConvertedTensor } from '../../models/converted-tensor.js';
import { spread } from '../../numerics/threads/spread.js';
import type { ExternalPlace } from '../../onnx/encode-tensor.js';
import type { Tensor } from '../../onnx/tensor.js';
import { withNewFile } from '../../onnx/write-tensor.js';
import type { WorkContext } from '../kind.js';
import { conversionJobModule, run } from './conversion-job.js';

/** More threads wait for memory and the disk. Each holds a part of a tensor. */
const mostThreads = 8;
/** Less is done before another thread has started. */
const leastBytesOfThread = 2 ** 26;

/**
 * Writes the tensors of a checkpoint into their files on several threads, part by part. `onTensor` is called with the file
 * of each that is complete, in order. Returns where they are.
 */
export async function convertWeights(
  files: ReadonlyMap<Tensor, string>,
  { outputDirectory, threads }: Pick<WorkContext, 'outputDirectory' | 'threads'>,
  onTensor: (file: string) => void,
): Promise<ReadonlyMap<Tensor, ExternalPlace>> {
  const written = new Map<Tensor, ExternalPlace>();
  let sizeBytes = 0;
  const jobs = [...files].flatMap(([tensor, file]) => {
    if (!(tensor instanceof ConvertedTensor)) return [];
    const { conversion, byteLength } = tensor;
    const path = join(outputDirectory, file);
    mkdirSync(dirname(path), { recursive: true });
    withNewFile(path, () => {});
    written.set(tensor, { location: file, offset: 0 });
    sizeBytes += byteLength;
    return partsOf(conversion).map((part, index, { length }) => ({
      job: { conversion, part, path },
      completes: index === length - 1 ? file : undefined,
    }));
  });
  const useful = Math.min(threads, mostThreads, Math.ceil(sizeBytes / leastBytesOfThread));
  await spread({ jobs: jobs.map(({ job }) => job), run, module: conversionJobModule }, useful, (_, index) => {
    const file = jobs[index]?.completes;
    if (file !== undefined) onTensor(file);
  });
  return written;
}
