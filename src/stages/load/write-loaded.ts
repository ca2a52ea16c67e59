import type { ConfigReader } from '../../checkpoints/config-reader.js';
import type { JsonObject } from '../../json.js';
import type { BuiltModel, ModelInfo } from '../../models/architecture.js';
import { isCompanionFile, writeModelDirectory } from '../../models/model-directory.js';
import { readSpecialTokens } from '../../models/special-tokens.js';
import { tensorFiles } from '../../onnx/write.js';
import type { SourceFile, WorkContext } from '../kind.js';
import { convertWeights } from './convert-weights.js';

/** A model that was built, and the configuration that names its special tokens. */
export interface LoadedModel extends BuiltModel {
  readonly fields: ConfigReader;
}

/** Writes a model and the files among these that belong to it. Returns how many bytes its tensors take. */
export async function writeLoaded(
  context: Pick<WorkContext, 'outputDirectory' | 'threads' | 'report' | 'finished'>,
  { model, info, fields }: LoadedModel,
  sources: readonly SourceFile[],
): Promise<number> {
  const generationConfig = sources.find(({ name }) => name === 'generation_config.json');
  const specialTokens = readSpecialTokens(fields, generationConfig?.path, info.vocabularySize);
  const files = tensorFiles(model);
  let count = 0;
  const onTensor = (path?: string): void => {
    context.report({ done: ++count, total: files.size, unit: 'tensors' });
    if (path !== undefined) context.finished(path);
  };
  const written = await convertWeights(files, context, onTensor);
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info: { ...info, ...specialTokens },
    companions: sources.filter(({ name }) => isCompanionFile(name)),
    written,
    onTensor,
  });
  return [...model.graph.initializers.values()].reduce(
    (sum, { initializer }) => sum + (initializer?.byteLength ?? 0),
    0,
  );
}

/** What is shown of a loaded model. */
export function loadedMetrics({ architecture, layers, hiddenSize }: ModelInfo): JsonObject {
  return { architecture, layers, hiddenSize };
}
