import { realpathSync } from 'node:fs';
import type { Engine } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { promptInputs } from '../decoder-inputs.js';
import { openModelSession } from '../graph-session.js';
import { logitError } from '../logit-error.js';
import { openModelDirectory } from '../model-directory.js';
import { floatValues } from './float-values.js';
import type { DecoderPorts } from './ports.js';
import type { Probe } from './probes.js';

/** What an exported graph computed for a text: the logits behind its last tokens. */
export interface ReferenceLogits {
  readonly ids: readonly number[];
  /** [tokens, vocabulary] of the last tokens */
  readonly logits: Float32Array;
}

/** What an exported graph computed when it was looked at. */
export function referenceLogits(ports: DecoderPorts, probes: readonly Probe[]): readonly ReferenceLogits[] {
  const [first] = probes;
  return probes.map(({ past, ids, values }) => ({
    ids: past === 0 ? ids : [...(first?.ids ?? []), ...ids],
    logits: floatsOf(values.get(ports.logits)),
  }));
}

/** The largest relative difference between the logits of an imported model, in its directory, and those of its source. */
export function importError(engine: Engine, directory: string, references: readonly ReferenceLogits[]): number {
  const { model, info } = openModelDirectory(directory);
  const session = openModelSession(engine, model, realpathSync(directory), { prepack: false });
  try {
    const errors = references.map(({ ids, logits }) => {
      const actual = floatsOf(session.run(promptInputs(info, ids), ['logits']).logits);
      return logitError(logits, actual.subarray(actual.length - logits.length));
    });
    return Math.max(...errors);
  } finally {
    session.release();
  }
}

function floatsOf(tensor: TensorData | undefined): Float32Array {
  const values = floatValues(tensor);
  if (values === undefined) throw new Error('the logits are no floats');
  return values;
}
