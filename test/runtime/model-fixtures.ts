import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModelConfig } from '../../src/checkpoints/config.js';
import { openCheckpoint } from '../../src/checkpoints/open-checkpoint.js';
import { companionsOf, writeModelDirectory } from '../../src/models/model-directory.js';
import { architectureOf } from '../../src/models/registry.js';
import type { SchemeName } from '../../src/quant/schemes.js';
import { exportModel } from '../../src/stages/export/work.js';
import { quantize } from '../../src/stages/quantize/work.js';
import { workPlace } from '../support/loaded-model.js';

const checkpointDirectory = join(import.meta.dirname, '../../recipes/models/opt-wren-4m');

/** Models made from the checkpoint of the recipes, cut to its first layers so that tests are quick, in a new directory. */
export interface ModelFixtures {
  /** The float model. */
  readonly float: string;
  /** The exported model with its linear layers, but not the head, quantized. Made on first use. */
  quantized(scheme: SchemeName): Promise<string>;
  remove(): Promise<void>;
}

export async function createModelFixtures(layers = 2): Promise<ModelFixtures> {
  const parent = await mkdtemp(join(tmpdir(), 'quern-test-'));
  const config = readModelConfig(join(checkpointDirectory, 'config.json'));
  const files = readdirSync(checkpointDirectory).map((name) => join(checkpointDirectory, name));
  const { model, info } = architectureOf(config).build(config, openCheckpoint(files), { layers });
  const float = join(parent, 'float');
  const companions = companionsOf(checkpointDirectory);
  writeModelDirectory(model, float, { layout: 'per-tensor', info, companions });
  const made = new Map<SchemeName, Promise<string>>();
  return {
    float,
    quantized(scheme) {
      const exported = made.get(scheme) ?? quantizeAndExport(parent, float, scheme);
      made.set(scheme, exported);
      return exported;
    },
    remove: () => rm(parent, { recursive: true, force: true }),
  };
}

async function quantizeAndExport(parent: string, float: string, scheme: SchemeName): Promise<string> {
  const [model, exported] = [join(parent, scheme), join(parent, `${scheme}-exported`)];
  const rules = [
    { match: { name: 'lm_head' }, keep: 'float' as const },
    { match: {}, scheme },
  ];
  await quantize({ ...workPlace(model), parameters: { rules }, inputs: { model: float } });
  await exportModel({ ...workPlace(exported), parameters: { attention: 'gqa' }, inputs: { model } });
  return exported;
}
