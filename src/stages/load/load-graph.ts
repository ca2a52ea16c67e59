import { basename } from 'node:path';
import { QuernError } from '../../errors.js';
import { importError } from '../../models/import/import-error.js';
import { importModel } from '../../models/import/import-model.js';
import { elementCount } from '../../onnx/data-type.js';
import { openEngine } from '../../ort/open-engine.js';
import type { SourceFile, WorkContext, WorkResult } from '../kind.js';
import { loadedMetrics, writeLoaded } from './write-loaded.js';
import { writeTokenizer } from './write-tokenizer.js';

/**
 * Imports an exported graph and checks that the model computes what the graph does, on a few tokens and going on behind
 * them.
 */
export async function loadGraph(
  context: WorkContext<{ readonly layers?: number }>,
  graph: SourceFile,
): Promise<WorkResult> {
  if (context.parameters.layers !== undefined) {
    throw new QuernError('stage', 'an exported graph has all its layers: `layers` can only be asked of a checkpoint');
  }
  // Companions may be beside the graph or around its folder.
  const files = (context.sources.source ?? []).map((file) => ({ ...file, name: basename(file.name) }));
  const engine = await openEngine({ threads: 1 });
  try {
    const imported = importModel(engine, files, graph.path);
    const bytes = await writeLoaded(context, imported, files);
    const error = importError(engine, context.outputDirectory, imported.references);
    if (!(error <= imported.errorLimit)) {
      throw new QuernError(
        'stage',
        `the imported model is not the same function: its logits differ by ${error.toExponential(1)} of the largest`,
        {
          suggestion: `at most ${imported.errorLimit} is accepted`,
        },
      );
    }
    writeTokenizer(context, files, undefined);
    const tensors = [...imported.model.graph.initializers.values()];
    const parameters = tensors.reduce((sum, { initializer }) => sum + (elementCount(initializer?.dims ?? [0]) ?? 0), 0);
    return { metrics: { parameters, bytes, ...loadedMetrics(imported.info), equivalenceError: error } };
  } finally {
    engine.close();
  }
}
