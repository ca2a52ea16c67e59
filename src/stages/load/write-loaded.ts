import type { ConfigReader } from '../../checkpoints/config-reader.js';
import type { JsonObject } from '../../json.js';
import type { BuiltModel, ModelInfo } from '../../models/architecture.js';
import { isCompanionFile, writeModelDirectory } from '../../models/model-directory.js';
import { readSpecialTokens } from '../../models/special-tokens.js';
import type { SourceFile, WorkContext } from '../kind.js';

/** A model that was built, and the configuration that names its special tokens. */
export interface LoadedModel extends BuiltModel {
  readonly fields: ConfigReader;
}

/** Writes a model and the files among these that belong to it. Returns how many bytes its tensors take. */
export function writeLoaded(
  context: Pick<WorkContext, 'outputDirectory' | 'report' | 'finished'>,
  { model, info, fields }: LoadedModel,
  files: readonly SourceFile[],
): number {
  const generationConfig = files.find(({ name }) => name === 'generation_config.json');
  const specialTokens = readSpecialTokens(fields, generationConfig?.path, info.vocabularySize);
  const initializers = [...model.graph.initializers.values()].map(({ initializer }) => initializer);
  let written = 0;
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info: { ...info, ...specialTokens },
    companions: files.filter(({ name }) => isCompanionFile(name)),
    onTensor: (path) => {
      context.report({ done: ++written, total: initializers.length, unit: 'tensors' });
      if (path !== undefined) context.finished(path);
    },
  });
  return initializers.reduce((sum, tensor) => sum + (tensor?.byteLength ?? 0), 0);
}

/** What is shown of a loaded model. */
export function loadedMetrics({ architecture, layers, hiddenSize }: ModelInfo): JsonObject {
  return { architecture, layers, hiddenSize };
}
