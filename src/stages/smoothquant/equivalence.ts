import { promptInputs } from '../../models/decoder-inputs.js';
import { openModelSession } from '../../models/graph-session.js';
import { logitError } from '../../models/logit-error.js';
import { lowerAttention } from '../../models/lower-attention.js';
import { openModelDirectory } from '../../models/model-directory.js';
import type { Engine } from '../../ort/engine.js';
import { openEngine } from '../../ort/open-engine.js';

const probeTokens = 64;

/**
 * The largest difference between the logits of two models on a fixed sequence of token ids, relative to the largest logit
 * of the first.
 */
export async function equivalenceError(
  referenceDirectory: string,
  directory: string,
  threads: number,
): Promise<number> {
  const engine = await openEngine({ threads });
  const reference = logitsOf(engine, referenceDirectory);
  const logits = logitsOf(engine, directory);
  engine.close();
  return logitError(reference, logits);
}

function logitsOf(engine: Engine, directory: string): Float32Array {
  const { model, info } = openModelDirectory(directory);
  lowerAttention(model);
  const session = openModelSession(engine, model, directory, { prepack: false });
  const { logits } = session.run(promptInputs(info, probeIds(info.vocabularySize, info.maximumPositions)), ['logits']);
  session.release();
  if (!(logits?.data instanceof Float32Array)) throw new Error('the logits are float32');
  return logits.data;
}

/** Token ids spread over the vocabulary, the same ones every time (multiples of the golden ratio). */
function probeIds(vocabularySize: number, maximumPositions: number): number[] {
  const length = Math.min(probeTokens, maximumPositions);
  return Array.from({ length }, (_, index) => Math.floor(((index * 0.618033988749895) % 1) * vocabularySize));
}
