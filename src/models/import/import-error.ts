import { realpathSync } from 'node:fs';
import { runPasses } from '../../onnx/passes.js';
import type { Engine, NamedTensors } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { fullMask, promptInputs } from '../decoder-inputs.js';
import { openModelSession } from '../graph-session.js';
import { logitError } from '../logit-error.js';
import { openModelDirectory } from '../model-directory.js';
import { floatValues } from './float-values.js';
import type { DecoderPorts } from './ports.js';
import type { Probe } from './probes.js';
import { withoutRounding } from './without-rounding.js';

/** What an exported graph computed in a pass: the logits behind its tokens. */
export interface ReferenceLogits {
  /** Tokens that were read by the pass before. */
  readonly past: number;
  readonly ids: readonly number[];
  /** [tokens, vocabulary] */
  readonly logits: Float32Array;
}

/** What an exported graph computed when it was looked at. */
export function referenceLogits(ports: DecoderPorts, probes: readonly Probe[]): readonly ReferenceLogits[] {
  return probes.map(({ past, ids, values }) => ({ past, ids, logits: floatsOf(values.get(ports.logits)) }));
}

/**
 * The largest relative difference between the logits of an imported model, in its directory, and those of its source, both
 * without rounding activations.
 */
export function importError(engine: Engine, directory: string, references: readonly ReferenceLogits[]): number {
  const { model, info } = openModelDirectory(directory);
  runPasses(model, [withoutRounding]);
  const session = openModelSession(engine, model, realpathSync(directory), { prepack: false });
  try {
    // In the same passes: tokens of one pass may share the scale of their activations.
    let caches: NamedTensors = {};
    const errors = references.map(({ past, ids, logits }) => {
      const inputs = { ...promptInputs(info, ids), attention_mask: fullMask(past + ids.length) };
      const outputs = session.run(past === 0 ? inputs : { ...inputs, ...caches });
      caches = cachesFrom(outputs);
      return logitError(logits, floatsOf(outputs.logits));
    });
    return Math.max(...errors);
  } finally {
    session.release();
  }
}

/** The caches behind a pass as inputs of the next one. */
function cachesFrom(outputs: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, value]) =>
      name.startsWith('present.') ? [[name.replace('present', 'past_key_values'), value]] : [],
    ),
  );
}

function floatsOf(tensor: TensorData | undefined): Float32Array {
  const values = floatValues(tensor);
  if (values === undefined) throw new Error('the logits are no floats');
  return values;
}
