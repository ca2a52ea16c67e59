import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { isJsonObject, type JsonObject } from '../../../src/json.js';
import type { Progress, SourceFile } from '../../../src/stages/kind.js';
import type { RunParameters } from '../../../src/stages/run/parameters.js';
import { run } from '../../../src/stages/run/work.js';
import { workPlace } from '../../support/loaded-model.js';
import { withTemporaryDirectory } from '../../support/temporary.js';

export const defaults: RunParameters = {
  devices: ['cpu'],
  placement: 'all-supported',
  tasks: ['decode'],
  granularity: 'island',
  strict: false,
  prompts: ['What is recursion?', 'What is a poem?'],
  maxLength: 20,
  ignoreEos: false,
  draftTokens: 4,
  protocol: 'windows',
  formats: [],
  operatorErrorLimit: 0.1,
  promptLengths: [8, 600],
  newTokens: 3,
  warmup: 0,
  repeats: 1,
};

export interface Run {
  readonly metrics: JsonObject;
  readonly report: JsonObject;
  readonly files: { readonly [name: string]: string };
  readonly progress: readonly Progress[];
}

/** Runs a model; other artifacts and sources by name. */
export function runStage(
  model: string,
  parameters: Partial<RunParameters>,
  inputs: { readonly [name: string]: string } = {},
  sources: { readonly [pointer: string]: readonly SourceFile[] } = {},
): Promise<Run> {
  return withTemporaryDirectory(async (outputDirectory) => {
    const progress: Progress[] = [];
    const { metrics } = await run({
      ...workPlace(outputDirectory, 2),
      parameters: { ...defaults, ...parameters },
      inputs: { model, ...inputs },
      sources,
      report: (step) => progress.push(step),
    });
    const names = (await readdir(outputDirectory)).sort();
    const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(outputDirectory, name), 'utf8')]));
    const report: unknown = JSON.parse(files['report.json'] ?? '');
    assert.ok(isJsonObject(report));
    return { metrics, report, files, progress };
  });
}
